"""Fourth stage: a named person's decision about exactly one (update, policy, evidence).

Checked in this order, so that the first failure names itself: the update waits for a decision; the verdict is no
BLOCK; the request has not expired; the person is known, holds a role the policy asks for, and played no part the
policy excludes; the person has not decided already. Nothing a program says can approve.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from audits.ledger.events import Event
from audits.ledger.log import append
from gatekeeper.core.digests import Digest
from gatekeeper.core.errors import StateError, UsageError
from gatekeeper.core.states import State
from gatekeeper.core.verdict import Outcome, Verdict
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import approvals, runs, updates
from gatekeeper.store.approvals import Binding
from gatekeeper.store.tables import Decision, RunRow, UpdateRow
from policies.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """Where an update stands after a decision."""

    state: State
    given: int
    """Standing approvals."""
    required: int


def approve(
    workspace: Workspace,
    update_id: str,
    *,
    person: str,
    policy: Policy,
    comment: str = "",
    now: datetime | None = None,
) -> Decided:
    """Record a consent; the update becomes APPROVED once enough distinct people agree.

    Raises:
        StateError: nothing waits for a decision, the request expired, or this person may not decide.
        UsageError: the person is not among the principals, or there is no such update.
    """
    return _decide(workspace, update_id, Decision.APPROVE, person=person, policy=policy, comment=comment, now=now)


def reject(
    workspace: Workspace,
    update_id: str,
    *,
    person: str,
    policy: Policy,
    comment: str = "",
    now: datetime | None = None,
) -> Decided:
    """Record a refusal; one is enough, and it is final.

    Raises:
        StateError, UsageError: as :func:`approve`.
    """
    return _decide(workspace, update_id, Decision.REJECT, person=person, policy=policy, comment=comment, now=now)


def binding_of(session: Session, row: UpdateRow) -> tuple[RunRow, Verdict, Binding]:
    """Return the newest run of an update with its verdict and what an approval of it binds.

    Raises:
        StateError: there is no verdict.
    """
    run = runs.latest(session, row.id)
    verdict = runs.verdict(session, run.id) if run is not None else None
    if run is None or verdict is None:
        raise StateError(f"Update {row.id} has no verdict yet.", hint="Run it first: gatekeeper check.")
    return (
        run,
        verdict,
        Binding(
            update_digest=Digest(row.manifest_digest),
            policy_digest=verdict.policy_digest,
            evidence_digest=verdict.evidence_digest,
        ),
    )


def _decide(
    workspace: Workspace,
    update_id: str,
    decision: Decision,
    *,
    person: str,
    policy: Policy,
    comment: str,
    now: datetime | None,
) -> Decided:
    moment = now or datetime.now(UTC)
    expired = False
    with workspace.store.transaction() as session:
        row = updates.require(session, update_id)
        if row.state is not State.PENDING_APPROVAL:
            raise StateError(f"Update {update_id} is {row.state}: nothing waits for a decision.")
        run, verdict, binding = binding_of(session, row)
        if verdict.outcome is Outcome.BLOCK:
            raise StateError(f"Update {update_id} is blocked; an approval cannot lift that.")
        _require_same_policy(verdict, policy)
        deadline = (run.finished or run.started) + timedelta(hours=policy.approvals.expires_hours)
        if moment >= deadline:
            updates.move(session, update_id, State.EXPIRED, now=moment)
            append(
                session,
                type=Event.UPDATE_EXPIRED,
                actor="service:gatekeeper",
                subject=update_id,
                data={"update_digest": row.manifest_digest, "state": State.PENDING_APPROVAL.value},
            )
            expired = True
        else:
            decided = _record(
                workspace,
                session,
                row,
                run=run,
                decision=decision,
                binding=binding,
                person=person,
                policy=policy,
                comment=comment,
                deadline=deadline,
                moment=moment,
            )
    if expired:  # raised after the commit: that it expired is kept
        raise StateError(
            f"The request for approval of {update_id} expired on {deadline:%Y-%m-%d %H:%M} UTC.",
            hint="Propose the update again.",
        )
    return decided


def _record(
    workspace: Workspace,
    session: Session,
    row: UpdateRow,
    *,
    run: RunRow,
    decision: Decision,
    binding: Binding,
    person: str,
    policy: Policy,
    comment: str,
    deadline: datetime,
    moment: datetime,
) -> Decided:
    _require_entitled(workspace, row, person, policy)
    actor = workspace.remember(session, person)
    given = approvals.add(
        session,
        update_id=row.id,
        run_id=run.id,
        decision=decision,
        approver=actor,
        binding=binding,
        expires=deadline,
        comment=comment,
        now=moment,
    )
    data: dict[str, object] = {
        "run": run.id,
        "approval": given.id,
        "update_digest": binding.update_digest,
        "policy_digest": binding.policy_digest,
        "evidence_digest": binding.evidence_digest,
        "comment_digest": given.comment_digest,
    }
    required = policy.approvals.required
    standing = len(approvals.standing(session, run.id, binding=binding, now=moment))
    if decision is Decision.REJECT:
        append(session, type=Event.APPROVAL_REFUSED, actor=actor, subject=row.id, data=data)
        updates.move(session, row.id, State.REJECTED, now=moment)
        return Decided(state=State.REJECTED, given=standing, required=required)
    append(
        session,
        type=Event.APPROVAL_GIVEN,
        actor=actor,
        subject=row.id,
        data={**data, "expires": f"{deadline:%Y-%m-%dT%H:%M:%SZ}"},
    )
    if standing < required:
        return Decided(state=State.PENDING_APPROVAL, given=standing, required=required)
    updates.move(session, row.id, State.APPROVED, now=moment)
    return Decided(state=State.APPROVED, given=standing, required=required)


def _require_same_policy(verdict: Verdict, policy: Policy) -> None:
    if verdict.policy_digest != policy.digest:
        raise StateError(
            "The policy has changed since this verdict, so the verdict no longer counts.",
            hint="Propose the update again under the present policy.",
        )


def _require_entitled(workspace: Workspace, row: UpdateRow, person: str, policy: Policy) -> None:
    principal = workspace.principals.get(person)
    if principal is None:
        raise UsageError(
            f"{person} is not among this project's people.", hint="Name them with their roles in principals.toml."
        )
    if not set(principal.roles) & set(policy.approvals.roles):
        raise StateError(
            f"{person} holds none of the roles that may decide here ({', '.join(policy.approvals.roles)}).",
            hint="Ask somebody who does, or change principals.toml.",
        )
    if workspace.pseudonym(person) == row.submitter:
        raise StateError(
            f"{person} proposed this update and cannot decide about it.",
            hint="Somebody else has to: gatekeeper approve.",
        )
    provenance = row.provenance if isinstance(row.provenance, dict) else {}
    if provenance.get("trainer") == person:
        raise StateError(f"{person} trained this update and cannot decide about it.", hint="Somebody else has to.")
