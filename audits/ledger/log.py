"""Append to the ledger inside the caller's transaction.

Nothing here commits: an entry stands or falls with the state change it records.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from audits.ledger.events import Event
from audits.ledger.leaf import write_leaf
from audits.ledger.merkle import leaf_hash, root
from gatekeeper.core.spans import span
from gatekeeper.store import entries


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry as it was appended."""

    seq: int
    """Its number, from 0: the leaf's index in the Merkle tree."""
    ts: datetime
    type: Event
    actor: str
    """``person:`` and a pseudonym, or ``service:`` and a name."""
    subject: str
    leaf: bytes
    """The bytes that were hashed."""
    leaf_hash: bytes
    """SHA-256(0x00 ‖ leaf), 32 bytes."""


def append(
    session: Session,
    *,
    type: Event,
    actor: str,
    subject: str,
    data: Mapping[str, object],
    now: datetime | None = None,
) -> Entry:
    """Append one entry and return it.

    Args:
        session: the caller's transaction; others wait for it to end before they append.
        type: what happened.
        actor: who did it, as a pseudonym or a service.
        subject: the id it happened to.
        data: exactly the keys the type records; floats become decimal strings.
        now: the present moment, for tests.

    Raises:
        RuntimeError: the data hold something a leaf may not hold.
        StoreError: the ledger's head is gone.
    """
    ts = now or datetime.now(UTC)
    with span("ledger.append", type=type.value):
        seq = entries.advance(session)
        leaf = write_leaf(seq=seq, ts=ts, type=type, actor=actor, subject=subject, data=data)
        hashed = leaf_hash(leaf)
        entries.add(
            session, seq=seq, ts=ts, type=type.value, actor=actor, subject=subject, leaf=leaf, leaf_hash=hashed
        )
        keep_full_subtrees(session, seq + 1)
    return Entry(seq=seq, ts=ts, type=type, actor=actor, subject=subject, leaf=leaf, leaf_hash=hashed)


def keep_full_subtrees(session: Session, size: int) -> None:
    """Keep the root of every subtree that a ledger of this size has just made full."""
    small, large = entries.KEPT_LEVELS
    if size % (1 << small) == 0:
        number = (size >> small) - 1
        entries.keep_node(
            session,
            level=small,
            number=number,
            hash=root(entries.leaf_hashes(session, number << small, (number + 1) << small)),
        )
    if size % (1 << large) == 0:
        number = (size >> large) - 1
        below = entries.nodes(session, level=small, first=number << small, end=(number + 1) << small)
        # Roots of full subtrees stand where leaf hashes would: the tree above them is the same.
        entries.keep_node(session, level=large, number=number, hash=root(below.values()))
