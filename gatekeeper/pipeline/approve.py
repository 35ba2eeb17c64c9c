"""Fourth stage: a named person's decision about exactly one (update, policy, evidence).

Checked in this order, so that the first failure names itself: the update waits for a decision; policy, time,
champion and anchor are those of the verdict; the verdict is no BLOCK; the person is known, holds a role the policy
asks for, and played no part the policy excludes; verifiers trust this policy and this person's key; the person has
not decided already. What is kept is signed with the person's own key, or by the service over the person's recent
log-in where verifiers accept that, so that nothing a program says can approve.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy.orm import Session

from audits.ledger.events import Event
from audits.ledger.log import append
from audits.passport.decision import SignedDecision
from audits.passport.dsse import key_id, parse_public
from gatekeeper.core.digests import sha256_bytes
from gatekeeper.core.errors import NotEntitled, StateError, UsageError
from gatekeeper.core.spans import during
from gatekeeper.core.states import State
from gatekeeper.core.verdict import Outcome, Verdict
from gatekeeper.pipeline.erase import require_told_apart
from gatekeeper.pipeline.log_in import require_log_in
from gatekeeper.pipeline.parts import part_in
from gatekeeper.pipeline.principal import CHAMPION, SERVICE, Principal
from gatekeeper.pipeline.signatures import OverLogIn, SigningKey, public_of, signed
from gatekeeper.pipeline.standing import binding_of, deadline_of, needed_for, require_current
from gatekeeper.pipeline.waivers.counted import require_waivers
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import approvals, texts, updates
from gatekeeper.store.approvals import Binding
from gatekeeper.store.tables import Decision, RunRow, UpdateRow
from policies.policy import Policy

_ENDS: Final = {
    Decision.REJECT: (Event.APPROVAL_REFUSED, State.REJECTED),
    Decision.REQUEST_CHANGES: (Event.CHANGES_REQUESTED, State.CHANGES_REQUESTED),
}
"""Decisions that end the matter, with the ledger's word for each and where the update stands then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """Where an update stands after a decision."""

    state: State
    given: int
    """Standing approvals."""
    required: int


@during("approve")
def approve(
    workspace: Workspace,
    update_id: str,
    *,
    person: str,
    policy: Policy,
    key: SigningKey,
    comment: str = "",
    now: datetime | None = None,
) -> Decided:
    """Record a consent; the update becomes APPROVED once enough distinct people agree.

    Raises:
        StateError: nothing waits for a decision, the request expired, or this person may not decide.
        UsageError: the person is not among the principals, or there is no such update.
    """
    return _decide(
        workspace, update_id, Decision.APPROVE, person=person, policy=policy, key=key, comment=comment, now=now
    )


@during("reject")
def reject(
    workspace: Workspace,
    update_id: str,
    *,
    person: str,
    policy: Policy,
    key: SigningKey,
    comment: str = "",
    now: datetime | None = None,
) -> Decided:
    """Record a refusal; one is enough, and it is final. It stops an approved update too, until it is promoted.

    Raises:
        StateError, UsageError: as :func:`approve`.
    """
    return _decide(
        workspace, update_id, Decision.REJECT, person=person, policy=policy, key=key, comment=comment, now=now
    )


def request_changes(
    workspace: Workspace,
    update_id: str,
    *,
    person: str,
    policy: Policy,
    key: SigningKey,
    comment: str,
    now: datetime | None = None,
) -> Decided:
    """Send an update back with what should be different; nobody can approve it any more.

    Raises:
        StateError, UsageError: as :func:`approve`; or there is no comment.
    """
    if not comment.strip():
        raise UsageError("Asking for changes takes a comment.", hint="Say what should be different.")
    return _decide(
        workspace, update_id, Decision.REQUEST_CHANGES, person=person, policy=policy, key=key, comment=comment, now=now
    )


def _decide(
    workspace: Workspace,
    update_id: str,
    decision: Decision,
    *,
    person: str,
    policy: Policy,
    key: SigningKey,
    comment: str,
    now: datetime | None,
) -> Decided:
    moment = now or datetime.now(UTC)
    waiting = (State.PENDING_APPROVAL, State.APPROVED) if decision is Decision.REJECT else (State.PENDING_APPROVAL,)
    require_current(workspace, update_id, policy=policy, moment=moment, waiting=waiting)
    with workspace.store.transaction() as session:
        row = updates.require(session, update_id)
        run, verdict, binding = binding_of(session, row)
        if row.state not in waiting or verdict.outcome is Outcome.BLOCK:
            raise StateError(f"Update {update_id} is {row.state}: nothing waits for a decision.")
        if row.registered_version is None:
            raise StateError(f"Update {update_id} was never registered.", hint="Propose it again.")
        return _record(
            workspace,
            session,
            row,
            run=run,
            verdict=verdict,
            decision=decision,
            binding=binding,
            person=person,
            policy=policy,
            key=key,
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
    verdict: Verdict,
    decision: Decision,
    binding: Binding,
    person: str,
    policy: Policy,
    key: SigningKey,
    comment: str,
    deadline: datetime,
    moment: datetime,
) -> Decided:
    principal = require_entitled(workspace, session, row, person, policy)
    require_signer(workspace, session, principal, policy, key, roles=policy.approvals.roles, moment=moment)
    if decision is Decision.APPROVE:
        require_told_apart(workspace, session, row, person)
        require_waivers(workspace, session, row, verdict, policy, moment=moment)
    actor = workspace.remember(session, person)
    envelope = signed(decision_about(row, run, decision, binding, deadline), key)
    given = approvals.add(
        session,
        update_id=row.id,
        run_id=run.id,
        decision=decision,
        approver=actor,
        binding=binding,
        expires=deadline,
        envelope=envelope,
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
        "key": key_id(parse_public(public_of(key))),
        "envelope_digest": sha256_bytes(envelope.encode()),
    }
    required = needed_for(row, policy)
    standing = len(approvals.standing(session, run.id, binding=binding, now=moment))
    if decision is not Decision.APPROVE:
        event, after = _ENDS[decision]
        append(session, type=event, actor=actor, subject=row.id, data=data)
        updates.move(session, row.id, after, now=moment)
        return Decided(state=after, given=standing, required=required)
    append(
        session,
        type=Event.APPROVAL_GIVEN,
        actor=actor,
        subject=row.id,
        data={**data, "expires": rfc3339(deadline)},
    )
    if standing < required:
        return Decided(state=State.PENDING_APPROVAL, given=standing, required=required)
    updates.move(session, row.id, State.APPROVED, now=moment)
    return Decided(state=State.APPROVED, given=standing, required=required)


def decision_about(
    row: UpdateRow, run: RunRow, decision: Decision, binding: Binding, deadline: datetime
) -> SignedDecision:
    """Return what a person's decision about a run says, word for word."""
    return SignedDecision(
        action="certify" if row.champion_version is None else "promote",
        decision=decision.value,
        update=row.id,
        run=run.id,
        request=None,
        model=row.model,
        alias=CHAMPION,
        update_digest=binding.update_digest,
        policy_digest=binding.policy_digest,
        evidence_digest=binding.evidence_digest,
        expires=rfc3339(deadline),
    )


def rfc3339(moment: datetime) -> str:
    """Return a moment in UTC as decisions write it, to the second."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def require_signer(
    workspace: Workspace,
    session: Session,
    principal: Principal,
    policy: Policy,
    key: SigningKey,
    *,
    roles: tuple[str, ...],
    moment: datetime,
) -> None:
    """Return when the key is this person's, or stands for their log-in, and verifiers would accept it and the policy.

    Raises:
        StateError: the person has no key, or the trust file lacks it, the log-in or the policy.
        UsageError: the key or the log-in is another one.
    """
    if isinstance(key, OverLogIn):
        require_log_in(workspace, session, principal, key, roles=roles, moment=moment)
        workspace.notary.require_pinned(policy)
    else:
        require_own_key(workspace, principal, policy, key)


def require_own_key(workspace: Workspace, principal: Principal, policy: Policy, key: SigningKey) -> None:
    """Return when the key is this person's, and verifiers would accept both it and the policy.

    Raises:
        StateError: the person has no key, or the trust file lacks it or the policy.
        UsageError: the key is another one.
    """
    if principal.key is None:
        raise StateError(
            f"{principal.name} has no key to sign with.",
            hint="They create one with `gatekeeper key create` and put it into principals.toml.",
        )
    if public_of(key) != principal.key:
        raise UsageError(
            f"This is not {principal.name}'s key: principals.toml names another one.",
            hint="Decide as yourself, or correct principals.toml.",
        )
    workspace.notary.require_approver(principal)
    workspace.notary.require_pinned(policy)


def require_person(principal: Principal) -> None:
    """Return when a principal is a person: a program decides nothing, whatever other roles it is given.

    Raises:
        NotEntitled: it is a program.
    """
    if SERVICE in principal.roles:
        raise NotEntitled(
            f"{principal.name} is a program, and programs decide nothing.",
            hint="Somebody decides as themselves: principals.toml gives them a name and a key of their own.",
        )


def require_entitled(workspace: Workspace, session: Session, row: UpdateRow, person: str, policy: Policy) -> Principal:
    """Return the person, when they may decide about this update under the policy.

    Raises:
        UsageError: they are not among the principals.
        NotEntitled: they are a program, lack the role, or played a part in the update.
    """
    principal = workspace.principals.get(person)
    if principal is None:
        raise UsageError(
            f"{person} is not among this project's people.", hint="Name them with their roles in principals.toml."
        )
    require_person(principal)
    if not set(principal.roles) & set(policy.approvals.roles):
        raise NotEntitled(
            f"{person} holds none of the roles that may decide here ({', '.join(policy.approvals.roles)}).",
            hint="Ask somebody who does, or change principals.toml.",
        )
    if (part := part_in(workspace, session, row, person)) is not None:
        raise NotEntitled(
            f"{person} {part} this update and cannot decide about it.",
            hint=f"Somebody else has to: gatekeeper approve {row.id} --as NAME.",
        )
    if "author" in policy.approvals.distinct_from:
        raise NotEntitled(
            "The policy keeps its author from approving, and nothing here knows who wrote it.",
            hint="Remove `author` from distinct_from.",
        )
    return principal
