"""Requests that people decide about beside ordinary promotions, each decision signed with the person's own key."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy.orm import Session

from audits.ledger.events import Event
from audits.ledger.leaf import label
from audits.ledger.log import append
from audits.passport.decision import SignedDecision
from audits.passport.dsse import key_id, parse_public
from gatekeeper.core.digests import sha256_bytes
from gatekeeper.core.errors import NotEntitled, StateError, UsageError
from gatekeeper.pipeline.approve import require_person, require_signer, rfc3339
from gatekeeper.pipeline.erase import require_told_apart
from gatekeeper.pipeline.parts import part_in
from gatekeeper.pipeline.principal import ACTOR, Principal
from gatekeeper.pipeline.signatures import SigningKey, named_in_advance, public_of, signed
from gatekeeper.pipeline.standing import binding_of
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import requests, texts, updates
from gatekeeper.store.approvals import Binding
from gatekeeper.store.tables import Decision, RequestRow, RequestState, UpdateRow
from policies.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What somebody asks for."""

    action: str
    """A :class:`~gatekeeper.store.tables.PromotionKind` other than ``promote`` and ``certify``, or ``revoke``."""
    alias: str
    expected_previous: str | None
    required: int
    """How many distinct people must agree."""
    roles: tuple[str, ...]
    """Each of them holds one of these."""
    expires: datetime
    justification: str = ""
    incident: str | None = None
    """Id of the incident in the operator's own system."""
    valid_until: datetime | None = None
    """Until when what is asked for may stay live unreviewed."""
    return_of: str | None = None
    """The break of the glass that this is the way back from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signer:
    """Who decides, under which policy, when, and why."""

    person: str
    key: SigningKey = field(repr=False)
    """The person's own."""
    policy: Policy
    moment: datetime
    comment: str = ""
    """Kept beside the ledger, erasable."""


def open_request(
    workspace: Workspace,
    session: Session,
    row: UpdateRow,
    wish: Wish,
    signer: Signer,
) -> RequestRow:
    """Write down what a person asks for, with its ledger entry.

    Raises:
        StateError: the same is asked for already, or the person lacks the role.
        UsageError: the person is not among the principals.
    """
    require_role(workspace, signer.person, wish.roles)
    run, _verdict, binding = binding_of(session, row)
    actor = workspace.remember(session, signer.person)
    justification = texts.keep(session, subject=row.id, body=wish.justification)
    # A decision counts until what it lets live must be reviewed; what has no such limit, until others may decide.
    request_id, ends = named_in_advance(
        signer.key, wish.action, row.id, latest=wish.valid_until or wish.expires, moment=signer.moment
    )
    expires, valid_until = min(wish.expires, ends), None if wish.valid_until is None else ends
    request = requests.open_request(
        session,
        request_id=request_id,
        action=wish.action,
        update_id=row.id,
        run_id=run.id,
        model=row.model,
        alias=wish.alias,
        expected_previous=wish.expected_previous,
        opened_by=actor,
        required=wish.required,
        expires=expires,
        incident=wish.incident,
        justification_digest=justification,
        valid_until=valid_until,
        return_of=wish.return_of,
        now=signer.moment,
    )
    append(
        session,
        type=Event.REQUEST_OPENED,
        actor=actor,
        subject=row.id,
        data={
            "request": request.id,
            "action": wish.action,
            "registry": workspace.registry.id,
            "model": label(row.model),
            "version": row.registered_version,
            "alias": wish.alias,
            "expected_previous": wish.expected_previous,
            "update_digest": binding.update_digest,
            "policy_digest": binding.policy_digest,
            "evidence_digest": binding.evidence_digest,
            "incident": None if wish.incident is None else label(wish.incident),
            "justification_digest": justification,
            "required": wish.required,
            "expires": rfc3339(expires),
            "valid_until": None if valid_until is None else rfc3339(valid_until),
        },
    )
    return request


def agree(
    workspace: Workspace, session: Session, request: RequestRow, signer: Signer, *, roles: tuple[str, ...]
) -> int:
    """Record a person's signed consent to a request; return how many agree now.

    The request becomes APPROVED once enough do.

    Raises:
        StateError: it is not open, its time is over, or this person may not decide about it.
        UsageError: the person is not among the principals, or the key is another one.
    """
    _record(workspace, session, request, Decision.APPROVE, signer, roles=roles)
    count = len(requests.decisions(session, request.id))
    if count >= request.required:
        requests.move(session, request.id, RequestState.OPEN, RequestState.APPROVED)
    return count


def refuse(
    workspace: Workspace, session: Session, request: RequestRow, signer: Signer, *, roles: tuple[str, ...]
) -> None:
    """Record a person's signed refusal of a request; one is enough, also after others agreed, until it is carried out.

    Raises:
        StateError, UsageError: as :func:`agree`.
    """
    _record(workspace, session, request, Decision.REJECT, signer, roles=roles)
    requests.move(session, request.id, request.state, RequestState.REFUSED)


def _record(
    workspace: Workspace,
    session: Session,
    request: RequestRow,
    decision: Decision,
    signer: Signer,
    *,
    roles: tuple[str, ...],
) -> None:
    """Write down one person's decision, signed, with its ledger entry."""
    person, key = signer.person, signer.key
    waiting = {RequestState.OPEN} if decision is Decision.APPROVE else {RequestState.OPEN, RequestState.APPROVED}
    # What may still be carried out can still be refused.
    ends = request.expires if decision is Decision.APPROVE else request.valid_until or request.expires
    if request.state not in waiting or signer.moment >= ends:
        raise StateError(f"Request {request.id} is not open any more.", hint="Ask for it again.")
    principal = require_role(workspace, person, roles)
    require_signer(workspace, session, principal, signer.policy, key, roles=roles, moment=signer.moment)
    row = updates.require(session, request.update_id)
    if (part := part_in(workspace, session, row, person)) is not None:
        raise NotEntitled(f"{person} {part} this update and cannot decide about it.", hint="Somebody else has to.")
    require_told_apart(workspace, session, row, person)
    _run, _verdict, binding = binding_of(session, row)
    actor = workspace.remember(session, person)
    envelope = signed(
        decision_on(
            row,
            binding,
            action=request.action,
            decision=decision,
            run=request.run_id,
            request=request.id,
            alias=request.alias,
            ends=request.valid_until or request.expires,
        ),
        key,
    )
    requests.decide(
        session,
        request_id=request.id,
        decision=decision,
        approver=actor,
        envelope=envelope,
        comment_digest=texts.keep(session, subject=row.id, body=signer.comment),
        now=signer.moment,
    )
    append(
        session,
        type=Event.REQUEST_APPROVED if decision is Decision.APPROVE else Event.REQUEST_REFUSED,
        actor=actor,
        subject=row.id,
        data={
            "request": request.id,
            "action": request.action,
            "decision": decision.value,
            "key": key_id(parse_public(public_of(key))),
            "envelope_digest": sha256_bytes(envelope.encode()),
        },
    )


def decision_on(
    row: UpdateRow,
    binding: Binding,
    *,
    action: str,
    decision: Decision,
    run: str,
    request: str,
    alias: str,
    ends: datetime,
) -> SignedDecision:
    """Return what a person's decision about a request says, word for word."""
    return SignedDecision(
        action=action,
        decision=decision.value,
        update=row.id,
        run=run,
        request=request,
        model=row.model,
        alias=alias,
        update_digest=binding.update_digest,
        policy_digest=binding.policy_digest,
        evidence_digest=binding.evidence_digest,
        expires=rfc3339(ends),
    )


def close_request(session: Session, request: RequestRow, after: RequestState) -> None:
    """Write down that a request was carried out, or came to nothing."""
    requests.move(session, request.id, request.state, after)
    append(
        session,
        type=Event.REQUEST_CLOSED,
        actor=ACTOR,
        subject=request.update_id,
        data={"request": request.id, "action": request.action, "state": after.value},
    )


def close_way_back(session: Session, request: RequestRow) -> None:
    """End the way back that belongs to a break of the glass, where nobody will go it any more."""
    back = requests.way_back(session, request.id)
    if back is not None and back.state in (RequestState.OPEN, RequestState.APPROVED):
        close_request(session, back, RequestState.EXPIRED)


def require_role(workspace: Workspace, person: str, roles: tuple[str, ...]) -> Principal:
    """Return the person, when they hold one of the roles.

    Raises:
        UsageError: they are not among the principals.
        NotEntitled: they are a program, or hold none of the roles.
    """
    principal = workspace.principals.get(person)
    if principal is None:
        raise UsageError(
            f"{person} is not among this project's people.", hint="Name them with their roles in principals.toml."
        )
    require_person(principal)
    if not set(principal.roles) & set(roles):
        raise NotEntitled(
            f"{person} holds none of the roles that may decide here ({', '.join(roles)}).",
            hint="Ask somebody who does, or change principals.toml.",
        )
    return principal
