"""The ledger's rows. Only :mod:`audits.ledger` writes them; it says what a leaf is, this module only keeps it."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from sqlalchemy import Row, bindparam, func, insert, select, update
from sqlalchemy.orm import Session

from gatekeeper.core.errors import StoreError
from gatekeeper.store.tables import EntryRow, LedgerHeadRow, LedgerNodeRow, table_of

SMALLEST_KEPT: Final = 256
"""Leaves of the smallest subtree whose root is kept."""

KEPT_LEVELS: Final = (8, 16)
"""Levels of the subtrees whose roots are kept: two to that power leaves."""

_AT_ONCE: Final = 1000

# Made once: making a statement takes longer than carrying it out.
_HEAD: Final = table_of(LedgerHeadRow)
_ADVANCED: Final = update(_HEAD).values(size=_HEAD.c.size + 1).returning(_HEAD.c.size)
_ADDED: Final = insert(table_of(EntryRow))
_E: Final = table_of(EntryRow).c
_HASHES: Final = select(_E.leaf_hash).where(_E.seq >= bindparam("start"), _E.seq < bindparam("end")).order_by(_E.seq)
_N: Final = table_of(LedgerNodeRow).c
_NODES: Final = (
    select(_N.number, _N.hash)
    .where(_N.level == bindparam("level"), _N.number >= bindparam("first"))
    .order_by(_N.number)
)
_NODES_BETWEEN: Final = _NODES.where(_N.number < bindparam("end"))


def advance(session: Session) -> int:
    """Return the next entry's number, and hold the head until the caller's transaction ends: entries come in turn.

    Raises:
        StoreError: the head is gone.
    """
    moved: int | None = session.execute(_ADVANCED).scalar_one_or_none()
    if moved is None:
        raise _no_head()
    return moved - 1


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
    *,
    seq: int,
    ts: datetime,
    type: str,
    actor: str,
    subject: str,
    leaf: bytes,
    leaf_hash: bytes,
) -> None:
    """Write down a leaf under the number that :func:`advance` gave."""
    session.execute(
        _ADDED,
        {
            "seq": seq,
            "ts": ts,
            "type": type,
            "actor": actor,
            "subject": subject,
            "leaf": leaf,
            "leaf_hash": leaf_hash,
        },
    )


def nodes(session: Session, *, level: int, first: int = 0, end: int | None = None) -> dict[int, bytes]:
    """Return the kept roots of one level by their numbers, in order."""
    query = _NODES if end is None else _NODES_BETWEEN
    found = session.execute(query, {"level": level, "first": first, **({} if end is None else {"end": end})})
    return {row.number: row.hash for row in found}


def keep_node(session: Session, *, level: int, number: int, hash: bytes) -> None:
    """Keep the root of a subtree that has just become full."""
    session.add(LedgerNodeRow(level=level, number=number, hash=hash))
    session.flush()


def leaf_hashes(session: Session, start: int, end: int) -> list[bytes]:
    """Return the leaf hashes from ``start`` up to, but not including, ``end``, in order."""
    return list(session.scalars(_HASHES, {"start": start, "end": end}))


def leaves(session: Session, size: int) -> list[bytes]:
    """Return the leaves of the first ``size`` entries, in order."""
    return list(session.scalars(select(EntryRow.leaf).where(EntryRow.seq < size).order_by(EntryRow.seq)))


def find(session: Session, seq: int) -> EntryRow | None:
    """Return the entry of that number, or ``None``."""
    return session.get(EntryRow, seq)


def of_subject(session: Session, subject: str) -> list[EntryRow]:
    """Return the entries about one subject, in order."""
    return list(session.scalars(select(EntryRow).where(EntryRow.subject == subject).order_by(EntryRow.seq)))


def of_type(session: Session, type: str) -> list[EntryRow]:
    """Return the entries of one type, in order."""
    return list(session.scalars(select(EntryRow).where(EntryRow.type == type).order_by(EntryRow.seq)))


def first_by(session: Session, actor: str) -> int | None:
    """Return the number of the first entry that somebody made, or ``None`` when there is none."""
    return session.scalars(select(func.min(EntryRow.seq)).where(EntryRow.actor == actor)).one()


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
