"""Checkpoints of the ledger, as they were signed."""

from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from gatekeeper.store.tables import CheckpointRow


def keep(
    session: Session, *, size: int, root: bytes, note: str, cosignatures: int, now: datetime | None = None
) -> CheckpointRow:
    """Write a checkpoint down; one of the same size is replaced where the new one has more cosignatures."""
    row = session.get(CheckpointRow, size)
    if row is None:
        row = CheckpointRow(
            size=size, root=root, note=note, cosignatures=cosignatures, signed=now or datetime.now(UTC)
        )
        session.add(row)
    elif cosignatures > row.cosignatures:
        row.root, row.note, row.cosignatures, row.signed = root, note, cosignatures, now or datetime.now(UTC)
    session.flush()
    return row


def at(session: Session, size: int) -> CheckpointRow | None:
    """Return the checkpoint of that size, or ``None``."""
    return session.get(CheckpointRow, size)


def latest(session: Session, *, cosignatures: int = 0) -> CheckpointRow | None:
    """Return the largest checkpoint that so many witnesses signed, or ``None``."""
    query = select(CheckpointRow).where(CheckpointRow.cosignatures >= cosignatures)
    return session.scalars(query.order_by(CheckpointRow.size.desc()).limit(1)).first()
