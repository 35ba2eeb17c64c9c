"""Fourth stage: a named person's decision about exactly one (update, policy, evidence).

Checked in this order, so that the first failure names itself: the update waits for a decision; policy, time,
champion and anchor are those of the verdict; the verdict is no BLOCK; the person is known, holds a role the policy
asks for, and played no part the policy excludes; the person has not decided already. Nothing a program says can
approve.
"""

from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from audits.ledger.events import Event
from audits.ledger.log import append
from gatekeeper.core.errors import StateError, UsageError
from gatekeeper.core.states import State
from gatekeeper.core.verdict import Outcome
from gatekeeper.pipeline.standing import binding_of, deadline_of, require_current
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import approvals, texts, updates
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
    with workspace.store.reading() as session:
        state = updates.require(session, update_id).state
    if state is not State.PENDING_APPROVAL:
        raise StateError(f"Update {update_id} is {state}: nothing waits for a decision.")
    require_current(workspace, update_id, policy=policy, moment=moment)
    with workspace.store.transaction() as session:
        row = updates.require(session, update_id)
        run, verdict, binding = binding_of(session, row)
        if row.state is not State.PENDING_APPROVAL or verdict.outcome is Outcome.BLOCK:
            raise StateError(f"Update {update_id} is {row.state}: nothing waits for a decision.")
        if row.registered_version is None:
            raise StateError(f"Update {update_id} was never registered.", hint="Propose it again.")
        return _record(
            workspace,
            session,
            row,
            run=run,
            decision=decision,
            binding=binding,
            person=person,
            policy=policy,
            comment=comment,
            deadline=deadline_of(run, policy),
            moment=moment,
        )


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
    _require_entitled(workspace, session, row, person, policy)
    actor = workspace.remember(session, person)
    given = approvals.add(
        session,
        update_id=row.id,
        run_id=run.id,
        decision=decision,
        approver=actor,
        binding=binding,
        expires=deadline,
        envelope=None,
        comment_digest=texts.keep(session, subject=row.id, body=comment),
        now=moment,
    )
    data: dict[str, object] = {
        "run": run.id,
        "approval": given.id,
        "update_digest": binding.update_digest,
        "policy_digest": binding.policy_digest,
        "evidence_digest": binding.evidence_digest,
        "comment_digest": given.comment_digest,
        "key": None,
        "envelope_digest": None,
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


def _require_entitled(workspace: Workspace, session: Session, row: UpdateRow, person: str, policy: Policy) -> None:
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
    if workspace.pseudonym(session, person) == row.submitter:
        raise StateError(
            f"{person} proposed this update and cannot decide about it.",
            hint=f"Somebody else has to: gatekeeper approve {row.id} --as NAME.",
        )
    if "author" in policy.approvals.distinct_from:
        raise StateError(
            "The policy keeps its author from approving, and nothing here knows who wrote it.",
            hint="Remove `author` from distinct_from.",
        )
    provenance = row.provenance if isinstance(row.provenance, dict) else {}
    trainer = str(provenance.get("trainer") or "")
    if trainer.strip() and workspace.lookup(trainer) == workspace.lookup(person):
        raise StateError(f"{person} trained this update and cannot decide about it.", hint="Somebody else has to.")
