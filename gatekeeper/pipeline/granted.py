"""What people decide about a request, and carrying out what enough of them agreed to.

A request is a break of the glass, its review, or a move of the anchor. Deciding and carrying out are two steps, as
with any update: ``approve`` or ``reject`` names the request, ``promote`` names the update.
"""

from datetime import UTC, datetime
from typing import Final

from sqlalchemy.orm import Session

from audits.passport.people import ADMIN
from gatekeeper.core.errors import PromotionConflict, StateError
from gatekeeper.core.spans import during
from gatekeeper.core.states import State
from gatekeeper.pipeline.approve import Decided
from gatekeeper.pipeline.break_glass import agree_to_break, require_way_back
from gatekeeper.pipeline.moves import Promoted, carry_out, intend
from gatekeeper.pipeline.principal import SERVICE
from gatekeeper.pipeline.register import register_blocked
from gatekeeper.pipeline.requests import Signer, agree, close_way_back, refuse
from gatekeeper.pipeline.signatures import SigningKey
from gatekeeper.pipeline.standing import binding_of
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import requests, updates
from gatekeeper.store.tables import Decision, PromotionKind, PromotionRow, RequestRow, RequestState, UpdateRow
from policies.policy import Policy

BREAK_GLASS: Final = PromotionKind.BREAK_GLASS.value
_REVIEW: Final = PromotionKind.REVIEW.value
_ANCHOR: Final = PromotionKind.ANCHOR.value

CARRIED_OUT: Final = (BREAK_GLASS, _REVIEW, _ANCHOR)
"""Actions that ``promote`` carries out once people agreed; the others are carried out where they are asked for."""


@during("decide")
def decide(
    workspace: Workspace,
    request_id: str,
    decision: Decision,
    *,
    person: str,
    policy: Policy,
    key: SigningKey,
    comment: str = "",
    now: datetime | None = None,
) -> Decided:
    """Record one person's signed decision about a request.

    Raises:
        UsageError: there is no such request, or the person is not among the principals.
        StateError: it is not open any more, or this person may not decide.
    """
    signer = Signer(person=person, key=key, policy=policy, moment=now or datetime.now(UTC), comment=comment)
    with workspace.store.transaction() as session:
        request = requests.require(session, request_id)
        if request.action not in CARRIED_OUT:
            raise StateError(f"Request {request_id} is decided where it is asked for: gatekeeper {request.action}.")
        roles = roles_for(request, policy)
        row = updates.require(session, request.update_id)
        if decision is Decision.REJECT and row.state is State.PROMOTING:
            raise StateError(f"Request {request_id} is being carried out.", hint="Go back afterwards: rollback.")
        if decision is Decision.APPROVE and request.action == BREAK_GLASS:
            _require_same_policy(session, row, policy)
        if decision is Decision.REJECT:
            refuse(workspace, session, request, signer, roles=roles)
            close_way_back(session, request)
            if request.action == BREAK_GLASS and row.state in _FROM[PromotionKind.BREAK_GLASS]:
                updates.move(session, request.update_id, State.BLOCKED, now=signer.moment)
            given = len(requests.decisions(session, request_id))
        elif request.action == BREAK_GLASS:
            given = agree_to_break(workspace, session, request, signer)
        else:
            given = agree(workspace, session, request, signer, roles=roles)
        state = updates.require(session, request.update_id).state
        return Decided(state=state, given=given, required=request.required)


def roles_for(request: RequestRow, policy: Policy) -> tuple[str, ...]:
    """Return the roles of which a person needs one to decide about a request."""
    return policy.approvals.roles if request.action == _ANCHOR else (ADMIN,)


def granted(workspace: Workspace, update_id: str) -> RequestRow | None:
    """Return what people agreed to about an update and nobody has carried out; ``None`` without such a thing."""
    with workspace.store.reading() as session:
        return requests.granted(session, update_id, CARRIED_OUT)


def carry_out_granted(
    workspace: Workspace, request: RequestRow, *, policy: Policy, now: datetime | None = None
) -> Promoted:
    """Do what people agreed to; whoever calls holds the turn to promote.

    Raises:
        StateError: its time is over, too few who agreed may still decide, or nobody signed for the way back.
        PromotionConflict: the alias moved since it was asked for.
        VerificationError: the bytes are not the ones they agreed to.
        RegistryError: the registry cannot be reached; it can be repeated.
    """
    kind = PromotionKind(request.action)
    _require_time(request, now or datetime.now(UTC))
    with workspace.store.reading() as session:
        row = updates.require(session, request.update_id)
        _require_state(row, kind)
        if kind is PromotionKind.BREAK_GLASS:
            _require_same_policy(session, row, policy)
    present = workspace.registry.alias_version(request.model, request.alias)
    if present != request.expected_previous:
        raise PromotionConflict(
            f"{request.model}@{request.alias} is version {present or 'none'} now; people agreed when it was "
            f"{request.expected_previous or 'none'}.",
            hint="Ask again, so that they know what they replace.",
        )
    if kind is PromotionKind.BREAK_GLASS:
        with workspace.store.reading() as session:
            if require_way_back(session, request).state is not RequestState.APPROVED:
                raise StateError(
                    "Nobody who may decide about the version before has signed for the way back.",
                    hint="Another administrator breaks the glass.",
                )
        register_blocked(workspace, request.update_id)
    return carry_out(workspace, [_intend(workspace, request, kind, policy, now)])


@during("promote.intend")
def _intend(
    workspace: Workspace, request: RequestRow, kind: PromotionKind, policy: Policy, now: datetime | None
) -> PromotionRow:
    with workspace.store.transaction() as session:
        moment = now or datetime.now(UTC)  # the registry may have kept us waiting
        _require_time(request, moment)
        asked = requests.require(session, request.id)
        if asked.state is not RequestState.APPROVED:
            raise StateError(f"Request {request.id} is {asked.state}.", hint="See `gatekeeper status`.")
        _require_still_entitled(workspace, session, asked, policy)
        row = updates.require(session, asked.update_id)
        _require_state(row, kind)
        if kind is PromotionKind.BREAK_GLASS:
            _require_same_policy(session, row, policy)
            updates.move(session, row.id, State.PROMOTING, now=moment)
        return intend(
            workspace,
            session,
            row,
            kind=kind,
            alias=asked.alias,
            expected_previous=asked.expected_previous,
            binding=binding_of(session, row)[2],
            moment=moment,
            request_id=asked.id,
        )


_FROM: Final = {
    PromotionKind.BREAK_GLASS: (State.BREAK_GLASS, State.PROMOTION_FAILED),
    PromotionKind.REVIEW: (State.ACTIVE,),
    PromotionKind.ANCHOR: (State.ACTIVE, State.SUPERSEDED),
}
"""States in which an update may be what people agreed to."""


def _require_state(row: UpdateRow, kind: PromotionKind) -> None:
    if row.state not in _FROM[kind]:
        raise StateError(
            f"Update {row.id} is {row.state} now: what people agreed to is not about that any more.",
            hint="Refuse the request, or let its time run out: gatekeeper status.",
        )


def _require_same_policy(session: Session, row: UpdateRow, policy: Policy) -> None:
    if binding_of(session, row)[1].policy_digest != policy.digest:
        raise StateError("The policy has changed since this verdict.", hint="Propose the update again.")


def _require_time(request: RequestRow, moment: datetime) -> None:
    ends = request.valid_until or request.expires
    if moment >= ends:
        raise StateError(f"What people agreed to ended on {ends:%Y-%m-%d %H:%M} UTC.", hint="Ask again.")


def _require_still_entitled(workspace: Workspace, session: Session, request: RequestRow, policy: Policy) -> None:
    """Return when enough of those who agreed may still decide: somebody may have left since."""
    entitled = {
        workspace.pseudonym(session, person.name)
        for person in workspace.principals.values()
        if set(person.roles) & set(roles_for(request, policy)) and SERVICE not in person.roles
    }
    agreed = {decision.approver for decision in requests.decisions(session, request.id)}
    if len(agreed & entitled) < request.required:
        raise StateError(
            f"Request {request.id} has {len(agreed & entitled)} of {request.required} signatures that count.",
            hint="Somebody may have left principals.toml: ask again.",
        )
