"""Bytes that no passport covers any more."""

from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from gatekeeper.store.tables import RevocationRow


def revoke(
    session: Session, *, update_digest: str, update_id: str, code: str, seq: int, now: datetime | None = None
) -> RevocationRow:
    """Write down that these bytes are revoked; those that are already stay as they were."""
    row = session.get(RevocationRow, update_digest)
    if row is None:
        row = RevocationRow(
            update_digest=update_digest, update_id=update_id, code=code, seq=seq, revoked=now or datetime.now(UTC)
        )
        session.add(row)
        session.flush()
    return row


def find(session: Session, update_digest: str) -> RevocationRow | None:
    """Return when and why these bytes were revoked, or ``None``."""
    return session.get(RevocationRow, update_digest)


def all_revoked(session: Session) -> list[RevocationRow]:
    """Return everything that was revoked, in the ledger's order."""
    return list(session.scalars(select(RevocationRow).order_by(RevocationRow.seq)))
