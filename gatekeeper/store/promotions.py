"""Attempts to move an alias: intended first, then observed or given up.

The database itself holds that at most one attempt is open for each (registry, model, alias): a second one is refused
whatever process it comes from.
"""

import secrets
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import bindparam, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from gatekeeper.core.errors import PromotionConflict, StateError
from gatekeeper.store.tables import PromotionKind, PromotionRow, PromotionState, UpdateRow, table_of

_NEWEST: Final = (PromotionRow.intent_seq.desc().nulls_last(), PromotionRow.finished.desc(), PromotionRow.id)

# Made once, as what is asked at every proposal: making a statement takes longer than carrying it out.
_OBSERVED: Final = (
    select(PromotionRow)
    .where(
        PromotionRow.registry_id == bindparam("registry"),
        PromotionRow.model == bindparam("model"),
        PromotionRow.alias == bindparam("alias"),
        PromotionRow.state == PromotionState.OBSERVED,
    )
    .order_by(*_NEWEST)
)
_LAST_OBSERVED: Final = _OBSERVED.limit(1)
_P: Final = table_of(PromotionRow).c
_U: Final = table_of(UpdateRow).c
_PROMOTED: Final = (
    select(_U.manifest_digest)
    .join(table_of(PromotionRow), _P.update_id == _U.id)
    .where(
        _U.model == bindparam("model"),
        _U.registered_version == bindparam("version"),
        _P.registry_id == bindparam("registry"),
        _P.version == bindparam("version"),
        _P.state == PromotionState.OBSERVED,
    )
    .order_by(_U.created, _U.id)
    .limit(1)
)


def intend(
    session: Session,
    *,
    update_id: str,
    registry_id: str,
    model: str,
    version: str,
    alias: str,
    expected_previous: str | None,
    kind: PromotionKind,
    request_id: str | None = None,
    now: datetime | None = None,
) -> PromotionRow:
    """Write down that an alias is about to be moved; the caller fills in ``intent_seq`` in the same transaction.

    Raises:
        PromotionConflict: another move of this alias is under way.
    """
    row = PromotionRow(
        id=f"prm-{secrets.token_hex(8)}",
        update_id=update_id,
        registry_id=registry_id,
        model=model,
        version=version,
        alias=alias,
        expected_previous=expected_previous,
        kind=kind,
        request_id=request_id,
        nonce=secrets.token_hex(16),
        intent_seq=None,
        passport=None,
        state=PromotionState.PROMOTING,
        started=now or datetime.now(UTC),
        finished=None,
    )
    if (other := under_way(session, registry_id=registry_id, model=model, alias=alias)) is not None:
        raise _conflict(other)
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError as error:
        other = under_way(session, registry_id=registry_id, model=model, alias=alias)
        if other is None:
            raise
        raise _conflict(other) from error
    return row


def issued(session: Session, promotion_id: str, passport: str) -> None:
    """Keep the passport of an attempt that is under way.

    Raises:
        StateError: the attempt has ended.
    """
    kept = session.execute(
        update(PromotionRow)
        .where(PromotionRow.id == promotion_id, PromotionRow.state == PromotionState.PROMOTING)
        .values(passport=passport)
        .returning(PromotionRow.id)
    )
    if kept.first() is None:
        raise _not_under_way(promotion_id)


def require(session: Session, promotion_id: str) -> PromotionRow:
    """Return one attempt.

    Raises:
        StateError: there is none of that id.
    """
    row = session.get(PromotionRow, promotion_id)
    if row is None:
        raise StateError(f"There is no promotion {promotion_id}.", hint="Look for it with `gatekeeper status`.")
    return row


def finish(session: Session, promotion_id: str, state: PromotionState, *, now: datetime | None = None) -> None:
    """Write down how the attempt ended.

    Raises:
        StateError: it has already ended, or there is none of that id.
        RuntimeError: PROMOTING is no end.
    """
    if state is PromotionState.PROMOTING:
        raise RuntimeError("a promotion cannot end as PROMOTING")
    ended = session.execute(
        update(PromotionRow)
        .where(PromotionRow.id == promotion_id, PromotionRow.state == PromotionState.PROMOTING)
        .values(state=state, finished=now or datetime.now(UTC))
        .returning(PromotionRow.id),
        execution_options={"synchronize_session": "fetch"},
    )
    if ended.first() is None:
        raise _not_under_way(promotion_id)


def reopen(session: Session, promotion_id: str) -> PromotionRow:
    """Return an attempt that was given up, under way again: the registry made the move after all.

    Raises:
        StateError: it was not given up.
    """
    row = require(session, promotion_id)
    if row.state is not PromotionState.FAILED:
        raise StateError(f"Promotion {promotion_id} was not given up.")
    row.state, row.finished = PromotionState.PROMOTING, None
    session.flush()
    return row


def under_way(session: Session, *, registry_id: str, model: str, alias: str) -> PromotionRow | None:
    """Return the open attempt to move this alias, or ``None``."""
    query = select(PromotionRow).where(
        PromotionRow.registry_id == registry_id,
        PromotionRow.model == model,
        PromotionRow.alias == alias,
        PromotionRow.state == PromotionState.PROMOTING,
    )
    return session.scalars(query).one_or_none()


def all_under_way(session: Session) -> list[PromotionRow]:
    """Return every open attempt, oldest first: what a start has to finish or give up."""
    query = select(PromotionRow).where(PromotionRow.state == PromotionState.PROMOTING)
    return list(session.scalars(query.order_by(PromotionRow.started, PromotionRow.id)))


def of_update(session: Session, update_id: str) -> list[PromotionRow]:
    """Return every attempt to promote one update, oldest first."""
    query = select(PromotionRow).where(PromotionRow.update_id == update_id)
    return list(session.scalars(query.order_by(PromotionRow.started, PromotionRow.id)))


def last_observed(session: Session, *, registry_id: str, model: str, alias: str) -> PromotionRow | None:
    """Return the last move of this alias that was read back, or ``None`` when there was none."""
    return session.scalars(_LAST_OBSERVED, {"registry": registry_id, "model": model, "alias": alias}).first()


def promoted_digest(session: Session, *, registry_id: str, model: str, version: str) -> str | None:
    """Return the manifest digest of what was promoted as this version; ``None`` when it never was."""
    found = session.execute(_PROMOTED, {"registry": registry_id, "model": model, "version": version}).first()
    return None if found is None else str(found.manifest_digest)


def history(session: Session, *, registry_id: str, model: str, alias: str) -> list[PromotionRow]:
    """Return every move of this alias that was read back, newest first."""
    return list(session.scalars(_OBSERVED, {"registry": registry_id, "model": model, "alias": alias}))


def given_up(session: Session, *, registry_id: str) -> list[PromotionRow]:
    """Return every attempt that was given up and that no later move of its alias has overtaken, newest first."""
    query = select(PromotionRow).where(
        PromotionRow.registry_id == registry_id, PromotionRow.state == PromotionState.FAILED
    )
    last: dict[tuple[str, str], int] = {}
    left = []
    for row in session.scalars(query.order_by(*_NEWEST)):
        place = (row.model, row.alias)
        if place not in last:
            made = last_observed(session, registry_id=registry_id, model=row.model, alias=row.alias)
            last[place] = -1 if made is None or made.intent_seq is None else made.intent_seq
        if row.intent_seq is not None and row.intent_seq > last[place]:
            left.append(row)
    return left


def _not_under_way(promotion_id: str) -> StateError:
    return StateError(
        f"Promotion {promotion_id} is not under way.", hint="Look at the update again with `gatekeeper status`."
    )


def _conflict(other: PromotionRow) -> PromotionConflict:
    return PromotionConflict(
        f"Another promotion of {other.model}@{other.alias} is under way ({other.id}, to version {other.version}).",
        hint="Wait for it to end, or finish it with `gatekeeper promote`.",
    )
