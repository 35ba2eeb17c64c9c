"""Versions that were put into the registry: claimed by one at a time, and made an update at most once.

A claim runs out when its holder died. Whoever made the update marks the version in the same transaction
(:func:`became`), and only while the claim is still theirs: so of a poll and a webhook that race, one makes the update
and the other's transaction comes to nothing.
"""

import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from gatekeeper.core.errors import StateError
from gatekeeper.core.states import State
from gatekeeper.store.tables import IntakeModelRow, IntakeRow, IntakeState, ReceivedRow, UpdateRow

SETTLED = frozenset({IntakeState.PROPOSED, IntakeState.REFUSED, IntakeState.OURS, IntakeState.PRIOR})
"""What does not change by itself any more."""

REGISTRY: Final = ""
"""Stands for a registry as a whole where a model is named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """Which registered version; a model deleted and made again has versions with other moments."""

    registry_id: str
    model: str
    version: str
    created_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What became of asking for a version."""

    row: IntakeRow
    mine: str | None
    """Proof of the claim; ``None`` where somebody else has it, it is settled, or it is not due."""


def find(session: Session, key: Key) -> IntakeRow | None:
    """Return what is known about a version, or ``None``."""
    return session.get(IntakeRow, (key.registry_id, key.model, key.version, key.created_ms))


def claim(session: Session, key: Key, *, now: datetime, patience: timedelta, again: bool = False) -> Claim:
    """Take a version, unless it is settled, another has it, or it is not due.

    Args:
        session: a transaction; of two that claim one version, the second sees what the first wrote.
        key: which version.
        now: the present moment.
        patience: after so long whoever took it counts as dead.
        again: take it also where it waits, was refused, or was there before.
    """
    row = find(session, key)
    if row is None:
        row = _row(key, IntakeState.WAITING, now)
        session.add(row)
    open_again = again and row.state in {IntakeState.WAITING, IntakeState.REFUSED, IntakeState.PRIOR}
    if not open_again and (row.state in SETTLED or now < row.due):
        return Claim(row=row, mine=None)
    mine = secrets.token_hex(16)
    row.state, row.claim, row.due, row.changed = IntakeState.TAKING, mine, now + patience, now
    row.attempts += 1
    session.flush()
    return Claim(row=row, mine=mine)


def became(session: Session, key: Key, mine: str, update_id: str, *, now: datetime) -> None:
    """Mark a version as the update that it became, in the transaction that writes the update down.

    Raises:
        StateError: somebody else has the claim now.
    """
    row = _held(session, key, mine)
    row.state, row.claim, row.update_id, row.code, row.reason = IntakeState.PROPOSED, None, update_id, None, None
    row.changed = now
    session.flush()


def settle(
    session: Session,
    key: Key,
    mine: str,
    state: IntakeState,
    *,
    now: datetime,
    due: datetime | None = None,
    code: str | None = None,
    reason: str | None = None,
) -> None:
    """Write down why a version waits, was refused, or is the gate's own.

    Raises:
        StateError: somebody else has the claim now.
    """
    row = _held(session, key, mine)
    row.state, row.claim, row.due, row.code, row.reason, row.changed = state, None, due or now, code, reason, now
    session.flush()


def began(session: Session, registry_id: str, model: str = REGISTRY) -> datetime | None:
    """Return since when the versions of a model, or of the registry's models at all, are looked at; or ``None``."""
    row = session.get(IntakeModelRow, (registry_id, model))
    return None if row is None else row.since


def begin(session: Session, registry_id: str, model: str, prior: Iterable[Key], *, now: datetime) -> bool:
    """Begin to look at a model's versions, but for the ``prior`` ones; return whether it had not begun."""
    if began(session, registry_id, model) is not None:
        return False
    session.add(IntakeModelRow(registry_id=registry_id, model=model, since=now))
    for key in prior:
        if find(session, key) is None:
            session.add(_row(key, IntakeState.PRIOR, now))
    session.flush()
    return True


def of_model(session: Session, registry_id: str, model: str) -> dict[Key, IntakeRow]:
    """Return everything known about the versions of one model."""
    query = select(IntakeRow).where(IntakeRow.registry_id == registry_id, IntakeRow.model == model)
    return {key_of(row): row for row in session.scalars(query)}


def latest(session: Session, *, state: IntakeState | None = None, limit: int = 100) -> list[IntakeRow]:
    """Return what changed last first."""
    query = select(IntakeRow) if state is None else select(IntakeRow).where(IntakeRow.state == state)
    return list(session.scalars(query.order_by(IntakeRow.changed.desc(), IntakeRow.version).limit(limit)))


def not_evaluated(session: Session) -> list[str]:
    """Return the updates that came from the registry and wait for their first evaluation, oldest first."""
    query = select(UpdateRow.id).join(IntakeRow, IntakeRow.update_id == UpdateRow.id)
    return list(session.scalars(query.where(UpdateRow.state == State.SUBMITTED).order_by(UpdateRow.created)))


def receive(session: Session, delivery: str, *, now: datetime, kept: timedelta) -> bool:
    """Write down that a delivery was taken; return whether it is new. Those older than ``kept`` are forgotten."""
    session.execute(delete(ReceivedRow).where(ReceivedRow.at < now - kept))
    if session.get(ReceivedRow, delivery) is not None:
        return False
    session.add(ReceivedRow(id=delivery, at=now))
    session.flush()
    return True


def key_of(row: IntakeRow) -> Key:
    """Return which version a row is about."""
    return Key(registry_id=row.registry_id, model=row.model, version=row.version, created_ms=row.created_ms)


def _held(session: Session, key: Key, mine: str) -> IntakeRow:
    row = find(session, key)
    if row is None or row.claim != mine:
        raise StateError(
            f"Version {key.version} of {key.model} was taken over meanwhile.",
            hint="`gatekeeper intake list` shows it.",
        )
    return row


def _row(key: Key, state: IntakeState, now: datetime) -> IntakeRow:
    return IntakeRow(
        registry_id=key.registry_id,
        model=key.model,
        version=key.version,
        created_ms=key.created_ms,
        state=state,
        claim=None,
        due=now,
        attempts=0,
        update_id=None,
        code=None,
        reason=None,
        first_seen=now,
        changed=now,
    )
