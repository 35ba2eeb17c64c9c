"""Proofs over the ledger as it lies in the database.

Roots of full subtrees that were kept (:class:`gatekeeper.store.tables.LedgerNodeRow`) stand for their leaves, so
that a proof over a million entries reads hundreds of hashes. Kept roots are a cache: what they say is checked by
:mod:`audits.ledger.check`, and a wrong one gives a proof that no verifier accepts.
"""

from typing import Final

from sqlalchemy.orm import Session

from audits.ledger.merkle import EMPTY_ROOT, consistency_proof, inclusion_proof, node_hash, root, split
from gatekeeper.core.errors import StoreError, UsageError
from gatekeeper.store import entries

_BLOCK: Final = entries.SMALLEST_KEPT


def root_at(session: Session, size: int) -> bytes:
    """Return the root over the first ``size`` entries, 32 bytes.

    Raises:
        UsageError: there are fewer.
    """
    _require(session, size)
    return EMPTY_ROOT if size == 0 else _Reader(session)(0, size)


def prove(session: Session, seq: int, size: int) -> tuple[bytes, ...]:
    """Return the proof that the entry of that number is among the first ``size``.

    Raises:
        UsageError: it is not, or there are fewer entries.
    """
    _require(session, size)
    if not 0 <= seq < size:
        raise UsageError(f"Entry {seq} is not among the first {size}.")
    return inclusion_proof(seq, size, _Reader(session))


def consistency(session: Session, old: int, new: int) -> tuple[bytes, ...]:
    """Return the proof that the first ``new`` entries begin with the first ``old``.

    Raises:
        UsageError: ``old`` is no size that came before, or there are fewer entries than ``new``.
    """
    _require(session, new)
    if not 0 <= old <= new:
        raise UsageError(f"A ledger of {new} entries never began with {old}.")
    return () if old == 0 else consistency_proof(old, new, _Reader(session))


def _require(session: Session, size: int) -> None:
    if (there := entries.size(session)) < size or size < 0:
        raise UsageError(f"The ledger has {there} entries, not {size}.")


class _Reader:
    """Gives the root of any range that a proof needs, each computed once; reads 256 hashes at a time."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._known: dict[tuple[int, int], bytes] = {}
        self._nodes: dict[tuple[int, int], dict[int, bytes]] = {}
        self._leaves: dict[int, list[bytes]] = {}

    def __call__(self, start: int, end: int) -> bytes:
        """Return the root over the entries from ``start`` up to, but not including, ``end``."""
        if (start, end) not in self._known:
            self._known[start, end] = self._compute(start, end)
        return self._known[start, end]

    def _compute(self, start: int, end: int) -> bytes:
        length = end - start
        if length & (length - 1) == 0:
            kept = self._kept(length.bit_length() - 1, start // length)
            if kept is not None:
                return kept
        if length <= entries.SMALLEST_KEPT:
            hashes = self._hashes(start, end)
            if len(hashes) != length:
                raise StoreError(
                    f"Entries between {start} and {end} are missing from the ledger.",
                    hint="Somebody changed it: gatekeeper ledger verify.",
                )
            return root(hashes)
        middle = start + split(length)
        return node_hash(self(start, middle), self(middle, end))

    def _kept(self, level: int, number: int) -> bytes | None:
        if level not in entries.KEPT_LEVELS:
            return None
        block = number // _BLOCK
        if (level, block) not in self._nodes:
            self._nodes[level, block] = entries.nodes(
                self._session, level=level, first=block * _BLOCK, end=(block + 1) * _BLOCK
            )
        return self._nodes[level, block].get(number)

    def _hashes(self, start: int, end: int) -> list[bytes]:
        """Return leaf hashes of a range that a proof divides the ledger into: it lies in one block, or is one."""
        block = start // _BLOCK
        if (end - 1) // _BLOCK != block:
            return entries.leaf_hashes(self._session, start, end)
        if block not in self._leaves:
            self._leaves[block] = entries.leaf_hashes(self._session, block * _BLOCK, (block + 1) * _BLOCK)
        return self._leaves[block][start - block * _BLOCK : end - block * _BLOCK]
