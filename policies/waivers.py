"""What people accepted, as far as a verdict may count it.

A waiver is about one finding: one limit that voted, on one report, of one update, under one policy. It turns that
limit's REVIEW into ADMIT, and nothing else: a BLOCK stays (a policy that wants people to decide says ``otherwise:
review``), and so does the vote of a gate as a whole, which is missing, failed, unmeasured or could not be evaluated.

Laws: a waiver never makes a verdict stricter; one that fits no vote changes nothing and is not in the verdict; the
same policy, reports and waivers give the same verdict.
"""

import dataclasses
from collections.abc import Iterable, Mapping

from gatekeeper.core.digests import Digest, digest_of
from gatekeeper.core.findings import GateReport
from gatekeeper.core.verdict import Outcome, Reason, Waived
from policies.policy import Policy, Section, Waivable
from policies.votes import Vote


def finding_of(reason: Reason, report: GateReport, *, update_digest: str, policy_digest: str) -> Digest:
    """Return the identity of what one limit found: nothing of it can change without another identity."""
    return digest_of(
        {
            "gate": reason.gate,
            "code": reason.code,
            "report": report.digest,
            "update": update_digest,
            "policy": policy_digest,
        }
    )


def waivable(policy: Policy, reason: Reason, *, section: Section) -> Waivable | None:
    """Return the policy's rule under which people may accept a reason; ``None`` where nobody may."""
    rule = policy.rule(reason.gate, section=section)
    limit = reason.code.removeprefix(f"{reason.gate}/")
    if rule is None or all(each.id != limit for each in rule.limits):
        return None
    if reason.outcome is not Outcome.REVIEW:
        return None
    return next((each for each in policy.waivers if each.gate == reason.gate and limit in each.limits), None)


def with_waivers(
    policy: Policy,
    votes: Iterable[Vote],
    reports: Mapping[str, GateReport],
    waived: Iterable[Waived],
    *,
    update_digest: str,
    section: Section,
) -> tuple[list[Vote], tuple[Waived, ...]]:
    """Return the votes with what people accepted, and which waivers counted, in the order of their codes."""
    known = {(each.code, each.finding): each for each in waived}
    after: list[Vote] = []
    counted: list[Waived] = []
    for vote in votes:
        report = reports.get(vote.reason.gate)
        if vote.limit is None or vote.errored or report is None:
            after.append(vote)
            continue
        finding = finding_of(vote.reason, report, update_digest=update_digest, policy_digest=policy.digest)
        waiver = known.get((vote.reason.code, finding))
        if waiver is None or not waiver.ids or waivable(policy, vote.reason, section=section) is None:
            after.append(vote)
            continue
        counted.append(waiver)
        after.append(dataclasses.replace(vote, reason=_accepted(vote.reason, waiver)))
    return after, tuple(sorted(counted, key=lambda each: each.code))


def _accepted(reason: Reason, waiver: Waived) -> Reason:
    people = "1 person" if len(waiver.ids) == 1 else f"{len(waiver.ids)} people"
    text = f"{reason.text} {people} accepted this until {waiver.expires}."
    return dataclasses.replace(reason, outcome=Outcome.ADMIT, text=text)
