"""What time ends by itself: requests nobody carried out, and blocked updates that are live without a review.

Asked at the start of every command that may change something, and in every round of the reconciler. A passport that
puts a blocked update live ends at its limit whether or not this runs: verifiers refuse it from then on.
"""

from contextlib import suppress
from datetime import UTC, datetime
from typing import Final

from sqlalchemy.orm import Session

from audits.ledger.events import Event
from audits.ledger.leaf import label
from audits.ledger.log import append
from gatekeeper.core.digests import Digest
from gatekeeper.core.errors import InputError, PromotionConflict, RegistryError, VerificationError
from gatekeeper.core.states import State
from gatekeeper.core.verdict import Outcome
from gatekeeper.pipeline.break_glass import broken_by
from gatekeeper.pipeline.granted import BREAK_GLASS
from gatekeeper.pipeline.moves import carry_out, intend
from gatekeeper.pipeline.principal import ACTOR, CHAMPION
from gatekeeper.pipeline.requests import close_request, close_way_back
from gatekeeper.pipeline.revocations import publish
from gatekeeper.pipeline.standing import binding_of
from gatekeeper.pipeline.turns import turn
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import promotions, requests, revocations, updates
from gatekeeper.store.tables import PromotionKind, PromotionRow, RequestRow, RequestState, UpdateRow

CODE: Final = "break-glass-expired"
"""Why such bytes are revoked."""

_WAS_LIVE: Final = (State.ACTIVE, State.SUPERSEDED, State.ROLLED_BACK)


def lapse(workspace: Workspace, *, now: datetime | None = None) -> tuple[str, ...]:
    """End what has run out of time; return the ids of updates that were revoked for it.

    Nothing is touched while a promotion is going on.

    Raises:
        RegistryError: the champion could not go back; the next call tries again.
    """
    moment = now or datetime.now(UTC)
    if not any(_due(workspace, moment)):
        return ()
    with turn(workspace.lock_file) as mine:
        if not mine:
            return ()
        # Read again: somebody may have reviewed, refused or promoted before it was our turn.
        waiting, overdue = _due(workspace, moment)
        for request in waiting:
            _let_go(workspace, request.id, moment)
        return tuple(_end(workspace, request, moment) for request in overdue)


def _due(workspace: Workspace, moment: datetime) -> tuple[list[RequestRow], list[RequestRow]]:
    """Return the requests whose time is over, and those by which something unreviewed is or was live too long."""
    with workspace.store.reading() as session:
        broken = requests.in_state(session, RequestState.DONE, action=BREAK_GLASS)
        return _ended(session, moment), [each for each in broken if _is_overdue(session, each, moment)]


def _ended(session: Session, moment: datetime) -> list[RequestRow]:
    """Return the requests that nobody can decide about, or carry out, any more."""
    still_open = requests.in_state(session, RequestState.OPEN)
    agreed = requests.in_state(session, RequestState.APPROVED)
    return [each for each in still_open if each.expires <= moment] + [
        each for each in agreed if (each.valid_until or each.expires) <= moment
    ]


def _is_overdue(session: Session, request: RequestRow, moment: datetime) -> bool:
    """Return whether a blocked update went live by this request, is not reviewed, and its time is over."""
    row = updates.require(session, request.update_id)
    broken = broken_by(session, row)
    over = request.valid_until is not None and request.valid_until <= moment
    unsettled = row.state in _WAS_LIVE and broken is not None and broken.id == request.id
    return over and unsettled and not _admitted_since(session, row)


def _admitted_since(session: Session, row: UpdateRow) -> bool:
    """Return whether the same bytes went live by an ordinary promotion as well: revoking them would take that away."""
    if row.state is State.ACTIVE:
        return False
    others = [
        each for each in updates.with_digest(session, row.model, Digest(row.manifest_digest)) if each.id != row.id
    ]
    live = [each for each in others if each.state in (State.PROMOTING, State.ACTIVE, State.SUPERSEDED)]
    return any(binding_of(session, each)[1].outcome is not Outcome.BLOCK for each in live)


def _let_go(workspace: Workspace, request_id: str, moment: datetime) -> None:
    """Close a request whose time is over; an update that it let through is blocked again."""
    with workspace.store.transaction() as session:
        request = requests.require(session, request_id)
        if request.state not in (RequestState.OPEN, RequestState.APPROVED):
            return
        row = updates.require(session, request.update_id)
        if request.action == BREAK_GLASS:
            if row.state is State.PROMOTING:
                return
            if row.state in (State.BREAK_GLASS, State.PROMOTION_FAILED):
                updates.move(session, row.id, State.BLOCKED, now=moment)
            close_way_back(session, request)
        close_request(session, request, RequestState.EXPIRED)


def _end(workspace: Workspace, request: RequestRow, moment: datetime) -> str:
    """Take an unreviewed update out of production, and revoke its bytes."""
    with workspace.store.reading() as session:
        row = updates.require(session, request.update_id)
        live = row.state is State.ACTIVE
    if live:
        intent = _way_back(workspace, row, request, moment)
        if intent is not None:
            # Somebody moved the alias, or changed what lies behind it: what is over is revoked all the same.
            with suppress(PromotionConflict, VerificationError, InputError):
                _go_back(workspace, intent)
    with workspace.store.transaction() as session:
        row = updates.require(session, request.update_id)
        entry = append(
            session,
            type=Event.UPDATE_REVOKED,
            actor=ACTOR,
            subject=row.id,
            data={
                "registry": workspace.registry.id,
                "model": label(row.model),
                "version": row.registered_version,
                "update_digest": row.manifest_digest,
                "code": CODE,
                "request": request.id,
            },
        )
        revocations.revoke(
            session, update_digest=row.manifest_digest, update_id=row.id, code=CODE, seq=entry.seq, now=moment
        )
        updates.move(session, row.id, State.REVOKED, now=moment)
        close_way_back(session, request)
    publish(workspace, row.model, now=moment)
    return request.update_id


def _go_back(workspace: Workspace, intent: PromotionRow) -> None:
    """Move the alias back; a version that was deleted is nothing to wait for.

    Raises:
        PromotionConflict, VerificationError, InputError: it cannot go back to that.
        RegistryError: the registry cannot be asked; it may be repeated.
    """
    try:
        carry_out(workspace, [intent])
    except RegistryError as error:
        if workspace.registry.has_version(intent.model, intent.version):
            raise
        raise VerificationError(f"Version {intent.version} of {intent.model} was deleted.") from error


def _way_back(workspace: Workspace, row: UpdateRow, request: RequestRow, moment: datetime) -> PromotionRow | None:
    """Write down the intent to go back as it was agreed to in advance.

    ``None`` when there is nothing to go back to any more: the version before was revoked since. The alias then stays
    on bytes that every verifier refuses, until people act.
    """
    with workspace.store.transaction() as session:
        back = requests.way_back(session, request.id)
        before = None if back is None else updates.require(session, back.update_id)
        if back is None or before is None or before.state is not State.SUPERSEDED:
            return None
        last = promotions.last_observed(session, registry_id=workspace.registry.id, model=row.model, alias=CHAMPION)
        updates.move(session, before.id, State.PROMOTING, now=moment)
        return intend(
            workspace,
            session,
            before,
            kind=PromotionKind.ROLLBACK,
            alias=CHAMPION,
            expected_previous=None if last is None else last.version,
            binding=binding_of(session, before)[2],
            moment=moment,
            request_id=back.id,
        )
