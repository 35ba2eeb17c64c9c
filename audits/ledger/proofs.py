"""Proofs over the ledger as it lies in the database.

Roots of full subtrees that were kept (:class:`gatekeeper.store.tables.LedgerNodeRow`) stand for their leaves, so
that a proof over a million entries reads hundreds of hashes. Kept roots are a cache: what they say is checked by
:mod:`audits.ledger.check`, and a wrong one gives a proof that no verifier accepts.
"""

from collections.abc import Callable

from sqlalchemy.orm import Session

from audits.ledger.merkle import EMPTY_ROOT, Subtree, consistency_proof, inclusion_proof, node_hash, root, split
from gatekeeper.core.errors import StoreError, UsageError
from gatekeeper.store import entries


def root_at(session: Session, size: int) -> bytes:
    """Return the root over the first ``size`` entries, 32 bytes.

    Raises:
        UsageError: there are fewer.
    """
    _require(session, size)
    return EMPTY_ROOT if size == 0 else _reader(session)(0, size)


def prove(session: Session, seq: int, size: int) -> tuple[bytes, ...]:
    """Return the proof that the entry of that number is among the first ``size``.

    Raises:
        UsageError: it is not, or there are fewer entries.
    """
    _require(session, size)
    if not 0 <= seq < size:
        raise UsageError(f"Entry {seq} is not among the first {size}.")
    return inclusion_proof(seq, size, _reader(session))


def consistency(session: Session, old: int, new: int) -> tuple[bytes, ...]:
    """Return the proof that the first ``new`` entries begin with the first ``old``.

    Raises:
        UsageError: ``old`` is no size that came before, or there are fewer entries than ``new``.
    """
    _require(session, new)
    if not 0 <= old <= new:
        raise UsageError(f"A ledger of {new} entries never began with {old}.")
    return () if old == 0 else consistency_proof(old, new, _reader(session))


def _require(session: Session, size: int) -> None:
    if (there := entries.size(session)) < size or size < 0:
        raise UsageError(f"The ledger has {there} entries, not {size}.")


def _reader(session: Session) -> Subtree:
    """Return what gives the root of any range that a proof needs, each computed once."""
    known: dict[tuple[int, int], bytes] = {}

    def subtree(start: int, end: int) -> bytes:
        if (start, end) not in known:
            known[start, end] = _compute(session, start, end, subtree)
        return known[start, end]

    return subtree


def _compute(session: Session, start: int, end: int, subtree: Callable[[int, int], bytes]) -> bytes:
    length = end - start
    if length & (length - 1) == 0:
        kept = entries.node(session, level=length.bit_length() - 1, number=start // length)
        if kept is not None:
            return kept
    if length <= entries.SMALLEST_KEPT:
        hashes = entries.leaf_hashes(session, start, end)
        if len(hashes) != length:
            raise StoreError(
                f"Entries between {start} and {end} are missing from the ledger.",
                hint="Somebody changed it: gatekeeper ledger verify.",
            )
        return root(hashes)
    middle = start + split(length)
    return node_hash(subtree(start, middle), subtree(middle, end))
