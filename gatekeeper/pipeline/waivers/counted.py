"""Does what people accepted still count? Asked before every decision and inside the transaction of a promotion.

A waiver counts while its time is not over, its signature says exactly what is counted, and its person is among the
project's people with that key, holds a role that the policy names for the finding, and took no part in the update.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final

from sqlalchemy.orm import Session

from audits.passport.decision import SignedDecision, read_decision
from gatekeeper.core.errors import StateError, VerificationError
from gatekeeper.core.verdict import Verdict, Waived
from gatekeeper.pipeline.parts import part_in
from gatekeeper.pipeline.principal import CHAMPION
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import runs, waivers
from gatekeeper.store.tables import UpdateRow, WaiverRow
from policies.policy import Policy, Waivable

ACTION: Final = "waive"
"""What a signed waiver names as its action."""


def about(code: str, finding: str) -> str:
    """Return what a signed waiver names in the place of a request."""
    return f"{code} {finding}"


def rule_of(policy: Policy, code: str, gate: str) -> Waivable | None:
    """Return the policy's rule about a limit, whatever it voted."""
    limit = code.removeprefix(f"{gate}/")
    return next((each for each in policy.waivers if each.gate == gate and limit in each.limits), None)


def still_counts(
    workspace: Workspace, session: Session, row: UpdateRow, waiver: WaiverRow, policy: Policy, *, moment: datetime
) -> bool:
    """Return whether one person's waiver counts now."""
    rule = rule_of(policy, waiver.code, waiver.gate)
    if rule is None or waiver.expires <= moment or waiver.update_id != row.id:
        return False
    people = [
        person
        for person in workspace.principals.values()
        if person.key is not None
        and set(person.roles) & set(rule.roles)
        and workspace.pseudonym(session, person.name) == waiver.approver
        and part_in(workspace, session, row, person.name) is None
    ]
    verdict = runs.verdict(session, waiver.run_id)
    if not people or verdict is None:
        return False
    try:
        signed, _key = read_decision(waiver.envelope, [person.key for person in people if person.key is not None])
    except VerificationError:
        return False
    return signed == SignedDecision(
        action=ACTION,
        decision="approve",
        update=row.id,
        run=waiver.run_id,
        request=about(waiver.code, waiver.finding),
        model=row.model,
        alias=CHAMPION,
        update_digest=verdict.update_digest,
        policy_digest=policy.digest,
        evidence_digest=verdict.evidence_digest,
        expires=f"{waiver.expires:%Y-%m-%dT%H:%M:%SZ}",
    )


def require_waivers(
    workspace: Workspace, session: Session, row: UpdateRow, verdict: Verdict, policy: Policy, *, moment: datetime
) -> None:
    """Return when everything that a verdict left to people is still accepted by enough of them.

    Raises:
        StateError: it is not.
    """
    for each in verdict.waived:
        rule = rule_of(policy, each.code, each.gate)
        found = [waivers.find(session, waiver) for waiver in each.ids]
        people = {
            waiver.approver
            for waiver in found
            if waiver is not None
            and (waiver.code, waiver.finding) == (each.code, each.finding)
            and still_counts(workspace, session, row, waiver, policy, moment=moment)
        }
        if rule is None or len(people) < rule.required:
            raise StateError(
                f"{each.code} was accepted by {len(people)} of {rule.required if rule else 1} people who count now.",
                hint="A waiver may have expired, or somebody left principals.toml: evaluate the update again.",
            )


def ends_of(counted: Iterable[Waived]) -> datetime | None:
    """Return when the first of some waivers ends; ``None`` without any."""
    return min((moment_of(each.expires) for each in counted), default=None)


def moment_of(text: str) -> datetime:
    """Return the moment that a decision writes, in UTC."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
