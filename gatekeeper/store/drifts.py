"""What moved behind the gate's back: written down once when it is found, and once when it is over."""

import secrets
from collections.abc import Collection
from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from gatekeeper.core.errors import StateError
from gatekeeper.store.tables import DriftKind, DriftRow


class ClearedBy(StrEnum):
    """Why a drift is over."""

    RESTORED = "restored"
    """We put the alias back."""
    GONE = "gone"
    """It was no longer there when we looked again."""
    UNWATCHED = "unwatched"
    """Nothing points to the version any more, and no rollback would."""


def find_open(
    session: Session,
    *,
    kind: DriftKind,
    registry_id: str,
    model: str,
    alias: str | None,
    version: str | None,
    observed: str | None,
) -> DriftRow | None:
    """Return the open drift that says exactly this, or ``None``."""
    query = select(DriftRow).where(
        DriftRow.kind == kind,
        DriftRow.registry_id == registry_id,
        DriftRow.model == model,
        DriftRow.alias == alias,
        DriftRow.version == version,
        DriftRow.observed == observed,
        DriftRow.cleared.is_(None),
    )
    return session.scalars(query.order_by(DriftRow.found, DriftRow.id)).first()


def add(
    session: Session,
    *,
    kind: DriftKind,
    registry_id: str,
    model: str,
    alias: str | None,
    version: str | None,
    observed: str | None,
    now: datetime | None = None,
) -> DriftRow:
    """Write down a drift that was just found; whoever calls has looked for the same one before."""
    row = DriftRow(
        id=f"drf-{secrets.token_hex(8)}",
        kind=kind,
        registry_id=registry_id,
        model=model,
        alias=alias,
        version=version,
        observed=observed,
        found=now or datetime.now(UTC),
        cleared=None,
        cleared_by=None,
    )
    session.add(row)
    session.flush()
    return row


def clear(session: Session, drift_id: str, *, by: ClearedBy, now: datetime | None = None) -> DriftRow:
    """Write down that a drift is over, and why.

    Raises:
        StateError: there is none of that id, or it was over before.
    """
    row = session.get(DriftRow, drift_id)
    if row is None or row.cleared is not None:
        raise StateError(f"There is no open drift {drift_id}.", hint="`gatekeeper status` lists the open ones.")
    row.cleared, row.cleared_by = now or datetime.now(UTC), by.value
    session.flush()
    return row


def all_open(session: Session, *, registry_id: str, models: Collection[str] | None = None) -> list[DriftRow]:
    """Return every open drift of a registry, oldest first; of some models where they are named."""
    query = select(DriftRow).where(DriftRow.registry_id == registry_id, DriftRow.cleared.is_(None))
    if models is not None:
        query = query.where(DriftRow.model.in_(models))
    return list(session.scalars(query.order_by(DriftRow.found, DriftRow.id)))
