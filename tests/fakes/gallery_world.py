"""A service whose updates fill every part of a page: intervals, limits, findings, verdicts, drift, hostile text.

Each gate reports what the candidate's own config.json says, so that a test chooses the outcome; everything around the
gates is real.
"""

import dataclasses
import json

from quick_world import quick_workspace, weights
from registry import FakeRegistry
from service_world import World

from gatekeeper.core.findings import Finding, Metric, Severity
from gatekeeper.core.gate import NoParams, gate
from policies.load import policy_from_text

HOSTILE = "<script>alert(1)</script>\"><img src=x onerror=alert(2)> ' {{ 7*7 }} \u202egnp.exe"
SECRET_ROW = "row-41-of-the-training-data"

_LIMITS = """
  - gate: artifact/format
    limits:
      - id: some
        admit: 'm["files"].value > 0.0'
        because: "{{m[files].value}} files, and none of them runs code."
  - gate: artifact/template
    limits:
      - id: unchanged
        admit: 'm["changed_templates"].value == 0.0'
        because: "{{m[changed_templates].value}} changes of the chat template."
  - gate: data/private
    limits:
      - id: rows
        admit: 'm["private_rows"].value == 0.0'
        otherwise: review
        because: "{{m[private_rows].value}} rows hold personal data."
  - gate: behaviour/regression
    limits:
      - id: knowledge
        margin: 0.05
        admit: 'm["knowledge.delta"].low > -margin'
        block: 'm["knowledge.delta"].high < -margin'
        because: "Knowledge changed by {{m[knowledge.delta].value:+.1points}}; the margin is {{margin:points}}."
      - id: instructions
        margin: 0.05
        admit: 'm["instructions.delta"].low > -margin'
        block: 'm["instructions.delta"].high < -margin'
        because: "Instructions changed by {{m[instructions.delta].value:+.1points}}; the margin is {{margin:points}}."
{drift}"""

_DRIFT = """      - id: knowledge-drift
        margin: 0.07
        admit: 'm["knowledge.anchor_delta"].low > -margin'
        block: 'm["knowledge.anchor_delta"].high < -margin'
        because: "Since the anchor, knowledge changed by {m[knowledge.anchor_delta].value:+.1points}."
"""

_POLICY = f"""
policy: gallery
version: 1
about: For updates that fill a page.
gates:{_LIMITS.format(drift=_DRIFT)}
certify:{_LIMITS.format(drift="")}
approvals: {{required: 1, roles: [approver], distinct_from: [submitter], expires_hours: 72}}
"""


def _told(context):
    return json.loads((context.update.candidate.path / "config.json").read_text())


def _change(name, value, half):
    return Metric(
        name=name,
        value=value,
        low=value - half,
        high=value + half,
        unit="share",
        n=320,
        confidence=0.95,
        method="clustered t",
    )


@gate("artifact/format", asks="Are there files, and does none of them run code?", params=NoParams)
def files(context, params):
    count = sum(1 for path in context.update.candidate.path.iterdir())
    return files.measured(metrics=(Metric(name="files", value=float(count), unit="files", n=count),))


@gate("artifact/template", asks="Is the chat template the champion's?", params=NoParams)
def template(context, params):
    return template.measured(metrics=(Metric(name="changed_templates", value=0.0, unit="changes", n=1),))


@gate("data/private", asks="Do the training rows hold personal data?", params=NoParams)
def private(context, params):
    rows = _told(context).get("private", [])
    found = tuple(
        Finding(code="data/private/row", severity=Severity.HIGH, confidence=0.93, subject=row, message=message)
        for row, message in rows
    )
    metric = Metric(name="private_rows", value=float(len(rows)), unit="rows", n=120)
    return private.measured(metrics=(metric,), findings=found)


@gate("behaviour/regression", asks="Does the candidate still know what the champion knew?", params=NoParams)
def regression(context, params):
    told = _told(context)
    metrics = [
        _change("knowledge.delta", told.get("knowledge", 0.0), 0.02),
        _change("instructions.delta", 0.01, 0.03),
    ]
    if context.anchor is not None:
        metrics.append(_change("knowledge.anchor_delta", told.get("drift", -0.01), 0.02))
    return regression.measured(metrics=tuple(metrics))


CATALOGUE = {each.id: each for each in (files, template, private, regression)}


WAIVERS = """
stop_early: false
waivers:
  - {gate: data/private, limits: [rows], roles: [admin], required: 2, days: 7}
  - {gate: behaviour/regression, limits: [knowledge], roles: [admin], days: 3}
"""


def gallery_policy(more=""):
    return policy_from_text(_POLICY + more, CATALOGUE)


class Gallery(World):
    """The service, and updates of chosen outcome."""

    def update(self, name="an update", *, first=False, **told):
        """Propose and evaluate; return its id."""
        folder = weights(self.incoming)
        (folder / "config.json").write_text(json.dumps({"model_type": "quick", **told}))
        proposed = self.zelda.propose(folder, first=first, name=name, trainer="train-pipeline", method="lora sft")
        assert proposed.status_code == 201, proposed.text
        update = proposed.json()["id"]
        ended = self.zelda.run(update)
        assert ended.status_code == 201, ended.text
        return update

    def live(self, name="the first champion", **told):
        """A first champion, put live; return its id."""
        update = self.update(name, first=True, **told)
        for person in (self.dana, self.kim):
            assert person.decide(update).status_code == 200
        assert self.ada.promote(update).status_code == 200
        return update

    def succeeded(self, name, **told):
        """An update of the champion, put live; return its id."""
        update = self.update(name, **told)
        assert self.dana.decide(update, comment="numbers look fine").status_code == 200
        assert self.ada.promote(update).status_code == 200
        return update


def anchor_asked(world, update, *, who="dana", reason="It is better."):
    """Ask to make an update the anchor; return the id of the request."""
    person = world.people[who]
    etag, _seen = person.seen(update)
    to_sign = person.get(f"/v1/updates/{update}/to-sign", params={"action": "anchor"}).json()["decisions"]
    body = {"envelopes": [person.sign(each) for each in to_sign], "reason": reason}
    asked = person.post(f"/v1/updates/{update}/anchor", body, etag=etag)
    assert asked.status_code == 201, asked.text
    return asked.json()["id"]


def gallery(root, more="", **settings):
    """Open a gallery below a folder; ``more`` is added to its policy."""
    policy = gallery_policy(more)
    workspace = quick_workspace(root, FakeRegistry(root=root / "registry"), policies=(policy,))
    return Gallery(dataclasses.replace(workspace, catalogue=CATALOGUE), root, policy, **settings)
