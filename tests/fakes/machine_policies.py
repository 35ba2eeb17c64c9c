"""The policies of the service's state machine, its gates, and what must be decided from what they measured.

What a candidate's gates do is said by a file in its folder, ``mood``: measure little, some or much; measure nothing;
measure what is no number; fail. :func:`expected` says without the program's help what such reports may lead to.
"""

import json

from gatekeeper.core.findings import Metric
from gatekeeper.core.gate import NoParams, gate
from policies.load import policy_from_text

MODEL = "quick"
MOODS = {
    "little": (1.0, 1.0),
    "some": (3.0, 1.0),
    "much": (9.0, 1.0),
    "unmeasured": (1.0, "unmeasured"),
    "no-number": (1.0, float("nan")),
    "failing": (1.0, "failing"),
    "leaving": (1.0, "leaving"),
    "much-and-failing": (9.0, "failing"),
}
"""What the two gates measure, by mood."""

_SECTION = """
  - gate: artifact/size
    limits:
      - id: few
        admit: 'm["size"].value < 2.0'
        block: 'm["size"].value > 5.0'
        because: {admit: "Few.", review: "Some.", block: "Many."}
  - gate: data/weigh
    unmeasured: review
    limits:
      - id: light
        admit: 'm["weight"].value < 2.0'
        block: 'm["weight"].value > 5.0'
        because: {admit: "Light.", review: "So so.", block: "Heavy."}
"""
_POLICY = """
policy: %(name)s
version: 1
about: For the service's state machine.
drift: %(drift)s
gates:%(section)s
certify:%(section)s
approvals: {required: %(required)d, roles: %(roles)s, distinct_from: %(distinct)s, expires_hours: %(hours)d}
"""


def _mood(context):
    return MOODS[json.loads((context.update.candidate.path / "mood.json").read_text())["mood"]]


@gate("artifact/size", asks="How large is it?", params=NoParams)
def size(context, params):
    return size.measured(metrics=(Metric(name="size", value=_mood(context)[0], unit="files", n=1),))


@gate("data/weigh", asks="How heavy is it?", params=NoParams)
def weigh(context, params):
    weight = _mood(context)[1]
    if weight == "unmeasured":
        return weigh.unmeasured("there is no scale")
    if weight == "failing":
        raise ValueError("the scale broke")
    if weight == "leaving":
        raise SystemExit(0)
    (context.workdir / "weight.txt").write_text(str(weight))
    metric = Metric(name="weight", value=weight, unit="kg", n=1)
    return weigh.measured(metrics=(metric,), attachments=(context.attach("weight.txt"),))


CATALOGUE = {size.id: size, weigh.id: weigh}


def _policy(name, *, required=1, roles="[approver]", distinct="[submitter]", hours=72, drift="report"):
    about = {"required": required, "roles": roles, "distinct": distinct, "hours": hours, "drift": drift}
    return policy_from_text(_POLICY % {"name": name, "section": _SECTION, **about}, CATALOGUE)


POLICIES = {
    "one": _policy("one"),
    "two": _policy("two", required=2, distinct="[submitter, trainer]", hours=24, drift="restore"),
    "safety": _policy("safety", roles="[safety]", hours=48),
    "author": _policy("author", distinct="[submitter, trainer, author]"),
}
"""``author`` keeps whoever wrote the policy from approving; nobody knows who that is, so nobody may."""


def expected(reports, *, outcome, errored, not_run):
    """Return what is wrong with a verdict, by the reports that it rests on.

    Args:
        reports: every stored report by its gate, as JSON types.
        outcome: what was decided: ``ADMIT``, ``REVIEW`` or ``BLOCK``.
        errored: whether the verdict says that something could not be evaluated.
        not_run: gates that the verdict says were left out.
    """
    votes, broken = [], []
    for name, metric in (("artifact/size", "size"), ("data/weigh", "weight")):
        report = reports.get(name)
        if report is None or report["status"] == "errored":
            broken.append(name)
        elif report["status"] == "unmeasured":
            votes.append("REVIEW")
        else:
            (value,) = [each["value"] for each in report["metrics"] if each["name"] == metric]
            if isinstance(value, str):  # NaN is written as a word
                broken.append(name)
            else:
                votes.append("ADMIT" if value < 2.0 else "BLOCK" if value > 5.0 else "REVIEW")
    blocked = "BLOCK" in votes
    if blocked:
        return [] if outcome == "BLOCK" and not errored else [f"evidence blocks, and the verdict is {outcome}"]
    if not_run:
        return [f"{not_run} were left out though nothing blocks"]
    if broken:
        return [] if outcome == "BLOCK" else [f"{broken} gave no result, and the verdict is {outcome}"]
    strictest = "REVIEW" if "REVIEW" in votes else "ADMIT"
    return [] if (outcome, errored) == (strictest, False) else [f"the verdict is {outcome}, not {strictest}"]
