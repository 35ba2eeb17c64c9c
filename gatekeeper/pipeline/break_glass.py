"""Put a blocked update live for a limited time, on the word of two administrators; keep it by a review of two.

Order: an administrator asks, with an incident and a justification, and signs; a second one agrees and the update
becomes BREAK_GLASS; ``promote`` registers the bytes and moves the alias, with a passport that says FAILED and ends at
the limit; a review by two administrators gives a passport without a limit. Without one the update is revoked when its
time is over (:mod:`gatekeeper.pipeline.lapse`). Going back takes a person's signature like any rollback, so whoever
breaks the glass signs for the way back at the same time.

A candidate that can run code when it is loaded stays blocked: no administrator can overrule ``artifact/format``.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from audits.passport.check import BREAK_GLASS_LONGEST
from audits.passport.people import ADMIN
from gatekeeper.core.errors import PromotionConflict, StateError, UsageError
from gatekeeper.core.states import State
from gatekeeper.core.verdict import Outcome, Verdict
from gatekeeper.pipeline.parts import part_in
from gatekeeper.pipeline.principal import CHAMPION
from gatekeeper.pipeline.requests import Signer, Wish, agree, open_request
from gatekeeper.pipeline.rollback import former
from gatekeeper.pipeline.signatures import SigningKey
from gatekeeper.pipeline.standing import binding_of
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import promotions, requests, revocations, updates
from gatekeeper.store.tables import PromotionKind, PromotionRow, RequestRow, RequestState, UpdateRow
from policies.policy import Policy

ADMINISTRATORS: Final = 2
"""How many distinct administrators must agree."""

_DECIDE_WITHIN: Final = timedelta(hours=24)
WAY_BACK_FOR: Final = timedelta(days=30)
"""How long after the limit the consent to go back still counts: a registry may be down when the time is over."""

_NEVER_OVERRULED: Final = "artifact/format"


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was asked for, and how many agree so far."""

    request: str
    given: int
    required: int
    expires: datetime
    """Until when others may decide."""
    valid_until: datetime | None
    """Until when the update may stay live unreviewed."""


def break_glass(
    workspace: Workspace,
    update_id: str,
    *,
    person: str,
    policy: Policy,
    key: SigningKey,
    incident: str,
    justification: str,
    hours: float = 72,
    now: datetime | None = None,
) -> Asked:
    """Ask to put a blocked update live, and sign for it.

    Args:
        workspace: of the installation.
        update_id: a blocked update.
        person: an administrator who neither proposed nor trained it.
        policy: the one that blocked it.
        key: the person's own.
        incident: id of the incident in the operator's own system.
        justification: why; kept beside the ledger, erasable.
        hours: how long it may stay live without a review, counted from now.
        now: the present moment, for tests.

    Raises:
        UsageError: incident or justification is missing, or the time is longer than 72 hours.
        StateError: it is not blocked, can run code, has been revoked, there is nothing to go back to, or this person
            may not decide.
        PromotionConflict: the champion was moved behind our back.
    """
    moment = now or datetime.now(UTC)
    signer = Signer(person=person, key=key, policy=policy, moment=moment)
    if not incident.strip() or not justification.strip():
        raise UsageError("Breaking the glass takes an incident and a justification.", hint="Give both.")
    if not 0 < hours <= BREAK_GLASS_LONGEST / timedelta(hours=1):  # false for NaN too
        raise UsageError("A broken glass is mended within 72 hours.", hint="Give --hours between 0 and 72.")
    limit = timedelta(hours=hours)
    with workspace.store.reading() as session:
        model = updates.require(session, update_id).model
    present = workspace.registry.alias_version(model, CHAMPION)
    with workspace.store.transaction() as session:
        row = updates.require(session, update_id)
        _require_blocked(session, row, policy)
        before = way_back_of(workspace, session, row, present)
        request = open_request(
            workspace,
            session,
            row,
            Wish(
                action=PromotionKind.BREAK_GLASS.value,
                alias=CHAMPION,
                expected_previous=present,
                required=ADMINISTRATORS,
                roles=(ADMIN,),
                expires=moment + min(limit, _DECIDE_WITHIN),
                justification=justification,
                incident=incident,
                valid_until=moment + limit,
            ),
            signer,
        )
        open_request(
            workspace,
            session,
            before,
            Wish(
                action=PromotionKind.ROLLBACK.value,
                alias=CHAMPION,
                expected_previous=None,
                required=1,
                roles=(ADMIN,),
                expires=moment + limit + WAY_BACK_FOR,
                incident=incident,
                return_of=request.id,
            ),
            signer,
        )
        given = agree_to_break(workspace, session, request, signer)
        return _asked(request, given)


def agree_to_break(workspace: Workspace, session: Session, request: RequestRow, signer: Signer) -> int:
    """Record an administrator's signature for breaking the glass, and for the way back; return how many agree.

    The update becomes BREAK_GLASS once two do.

    Raises:
        StateError, UsageError: as :func:`gatekeeper.pipeline.requests.agree`.
    """
    given = agree(workspace, session, request, signer, roles=(ADMIN,))
    back = require_way_back(session, request)
    before = updates.require(session, back.update_id)
    if back.state is RequestState.OPEN and part_in(workspace, session, before, signer.person) is None:
        agree(workspace, session, back, signer, roles=(ADMIN,))
    if request.state is RequestState.APPROVED:
        updates.move(session, request.update_id, State.BREAK_GLASS, now=signer.moment)
    return given


def review(
    workspace: Workspace,
    update_id: str,
    *,
    person: str,
    policy: Policy,
    key: SigningKey,
    justification: str,
    now: datetime | None = None,
) -> Asked:
    """Ask to keep an update that two administrators put live over its verdict, and sign for it.

    Raises:
        UsageError: the justification is missing.
        StateError: it is not live that way, was reviewed, its time is over, or this person may not decide.
    """
    moment = now or datetime.now(UTC)
    signer = Signer(person=person, key=key, policy=policy, moment=moment)
    if not justification.strip():
        raise UsageError("A review takes a justification.", hint="Say why it may stay.")
    with workspace.store.transaction() as session:
        row = updates.require(session, update_id)
        broken = broken_by(session, row)
        if row.state is not State.ACTIVE or broken is None or broken.valid_until is None:
            raise StateError(f"Update {update_id} is not live over its verdict: there is nothing to review.")
        if moment >= broken.valid_until:
            raise StateError(f"The time of update {update_id} is over.", hint="Propose it again: gatekeeper check.")
        request = open_request(
            workspace,
            session,
            row,
            Wish(
                action=PromotionKind.REVIEW.value,
                alias=CHAMPION,
                expected_previous=row.registered_version,
                required=ADMINISTRATORS,
                roles=(ADMIN,),
                expires=broken.valid_until,
                justification=justification,
                incident=broken.incident,
            ),
            signer,
        )
        given = agree(workspace, session, request, signer, roles=(ADMIN,))
        return _asked(request, given)


def broken_by(session: Session, row: UpdateRow) -> RequestRow | None:
    """Return the request that put an update live over its verdict, while no review has settled it; else ``None``."""
    moves = [move for move in promotions.of_update(session, row.id) if move.state.value == "OBSERVED"]
    if any(move.kind is PromotionKind.REVIEW for move in moves):
        return None
    broke: list[PromotionRow] = [move for move in moves if move.kind is PromotionKind.BREAK_GLASS]
    return requests.require(session, broke[-1].request_id) if broke and broke[-1].request_id else None


def require_way_back(session: Session, request: RequestRow) -> RequestRow:
    """Return the way back that belongs to a break of the glass.

    Raises:
        StateError: there is none.
    """
    back = requests.way_back(session, request.id)
    if back is None:
        raise StateError(f"Request {request.id} has no way back.", hint="Ask for it again.")
    return back


def _require_blocked(session: Session, row: UpdateRow, policy: Policy) -> None:
    """Return when an update is one that the glass may be broken for."""
    if row.state is not State.BLOCKED:
        raise StateError(f"Update {row.id} is {row.state}: the glass is broken for blocked updates alone.")
    _run, verdict, _binding = binding_of(session, row)
    if verdict.policy_digest != policy.digest:
        raise StateError("The policy has changed since this verdict.", hint="Propose the update again.")
    if _can_run_code(verdict):
        raise StateError(
            f"Update {row.id} can run code when it is loaded: nobody can overrule {_NEVER_OVERRULED}.",
            hint="Remove what it names and propose the update again.",
        )
    if revocations.find(session, row.manifest_digest) is not None:
        raise StateError(f"The bytes of update {row.id} were revoked: no passport covers them.")


def _can_run_code(verdict: Verdict) -> bool:
    return any(reason.gate == _NEVER_OVERRULED and reason.outcome is Outcome.BLOCK for reason in verdict.reasons)


def way_back_of(workspace: Workspace, session: Session, row: UpdateRow, present: str | None) -> UpdateRow:
    """Return the update to go back to: the live one, or the newest admitted one before it."""
    history = promotions.history(session, registry_id=workspace.registry.id, model=row.model, alias=CHAMPION)
    if not history or history[0].version != present:
        raise PromotionConflict(
            f"{row.model}@{CHAMPION} is version {present or 'none'}; the last promotion left it at "
            f"{history[0].version if history else 'none'}.",
            hint="Certify a first champion, or look what `gatekeeper reconcile --once` says.",
        )
    live = updates.in_state(session, State.ACTIVE, model=row.model)
    admitted = [each for each in live if binding_of(session, each)[1].outcome is not Outcome.BLOCK]
    return admitted[0] if admitted else former(session, row.model, history)


def _asked(request: RequestRow, given: int) -> Asked:
    return Asked(
        request=request.id,
        given=given,
        required=request.required,
        expires=request.expires,
        valid_until=request.valid_until,
    )
