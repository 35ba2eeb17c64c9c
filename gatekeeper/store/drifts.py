"""Drift: what moved behind the gate's back, from when it was found until it was gone."""

import secrets
from datetime import UTC, datetime

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from gatekeeper.core.errors import StateError
from gatekeeper.store.tables import DriftKind, DriftRow


def find(
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
    """Write down a drift that was found just now."""
    row = DriftRow(
        id=f"dft-{secrets.token_hex(8)}",
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


def clear(session: Session, drift_id: str, *, by: str, now: datetime | None = None) -> None:
    """Write down that a drift is gone.

    Raises:
        StateError: it was gone already, or there is none of that id.
    """
    cleared = session.execute(
        update(DriftRow)
        .where(DriftRow.id == drift_id, DriftRow.cleared.is_(None))
        .values(cleared=now or datetime.now(UTC), cleared_by=by)
        .returning(DriftRow.id),
        execution_options={"synchronize_session": "fetch"},
    )
    if cleared.first() is None:
        raise StateError(f"Drift {drift_id} does not last.", hint="Look again with `gatekeeper status`.")


def lasting(session: Session, *, registry_id: str | None = None, model: str | None = None) -> list[DriftRow]:
    """Return every drift that lasts, oldest first, of one registry or model or of all."""
    query = select(DriftRow).where(DriftRow.cleared.is_(None))
    if registry_id is not None:
        query = query.where(DriftRow.registry_id == registry_id)
    if model is not None:
        query = query.where(DriftRow.model == model)
    return list(session.scalars(query.order_by(DriftRow.found, DriftRow.id)))
