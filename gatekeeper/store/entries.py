"""The ledger's rows. Only :mod:`audits.ledger` writes them; it says what a leaf is, this module only keeps it."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from gatekeeper.core.errors import StoreError
from gatekeeper.store.tables import EntryRow, LedgerHeadRow

_AT_ONCE = 1000


def lock_head(session: Session) -> LedgerHeadRow:
    """Return the ledger's head, held until the caller's transaction ends, so that entries get numbers in turn.

    A row lock where the database has them; SQLite leaves the clause out, since there the transaction itself began as
    the only writer.

    Raises:
        StoreError: the head is gone.
    """
    head = session.scalars(
        select(LedgerHeadRow).with_for_update(), execution_options={"populate_existing": True}
    ).one_or_none()
    if head is None:
        raise _no_head()
    return head


def size(session: Session) -> int:
    """Return how many entries the ledger says it has.

    Raises:
        StoreError: the head is gone.
    """
    found = session.scalars(select(LedgerHeadRow.size)).one_or_none()
    if found is None:
        raise _no_head()
    return found


def add(
    session: Session,
    head: LedgerHeadRow,
    *,
    ts: datetime,
    type: str,
    actor: str,
    subject: str,
    leaf: bytes,
    leaf_hash: bytes,
) -> EntryRow:
    """Write down the next leaf behind a locked head, and move the head."""
    row = EntryRow(seq=head.size, ts=ts, type=type, actor=actor, subject=subject, leaf=leaf, leaf_hash=leaf_hash)
    session.add(row)
    head.size += 1
    session.flush()
    return row


def find(session: Session, seq: int) -> EntryRow | None:
    """Return the entry of that number, or ``None``."""
    return session.get(EntryRow, seq)


def of_subject(session: Session, subject: str) -> list[EntryRow]:
    """Return the entries about one subject, in order."""
    return list(session.scalars(select(EntryRow).where(EntryRow.subject == subject).order_by(EntryRow.seq)))


def of_type(session: Session, type: str) -> list[EntryRow]:
    """Return the entries of one type, in order."""
    return list(session.scalars(select(EntryRow).where(EntryRow.type == type).order_by(EntryRow.seq)))


def latest(session: Session, *, limit: int = 50) -> list[EntryRow]:
    """Return the newest entries first."""
    return list(session.scalars(select(EntryRow).order_by(EntryRow.seq.desc()).limit(limit)))


def stream(session: Session) -> Iterator[Row[int, datetime, str, str, str, bytes, bytes]]:
    """Yield (seq, ts, type, actor, subject, leaf, leaf_hash) of every entry in order, a thousand at a time.

    Raises:
        ValueError: a column holds something that was never written into it.
    """
    query = select(
        EntryRow.seq, EntryRow.ts, EntryRow.type, EntryRow.actor, EntryRow.subject, EntryRow.leaf, EntryRow.leaf_hash
    )
    yield from session.execute(query.order_by(EntryRow.seq), execution_options={"yield_per": _AT_ONCE})


def _no_head() -> StoreError:
    return StoreError(
        "The ledger's head is gone from the application database.",
        hint="Someone changed it by hand: restore it from a copy.",
    )
