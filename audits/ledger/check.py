"""Check the whole ledger against itself: every hash again, every number in turn, every indexed column.

This finds a changed, missing, doubled or swapped entry. It cannot find a ledger rewritten as a whole by someone who
may write the database: only a root that was kept elsewhere can, and :attr:`LedgerCheck.root` is that root.
"""

import json
from dataclasses import dataclass
from operator import itemgetter
from typing import Final

from sqlalchemy.orm import Session

from audits.ledger.leaf import VERSION, moment
from audits.ledger.merkle import Frontier, leaf_hash, root
from gatekeeper.store import entries

MOST_FAULTS: Final = 100
"""Faults listed one by one; a ledger with more is broken enough."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """One thing that is wrong with the ledger."""

    seq: int
    """Number of the entry, or the one expected in its place; for ``unreadable`` the first that was not looked at."""
    code: str
    """``hash``, ``gap``, ``columns``, ``node``, ``unreadable`` or ``size``."""
    text: str
    """One sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerCheck:
    """What the check found."""

    size: int
    """Entries read."""
    root: bytes
    """Merkle tree hash over the leaves as they are now, 32 bytes."""
    faults: tuple[Fault, ...]
    """In order of number; at most :data:`MOST_FAULTS`."""

    @property
    def intact(self) -> bool:
        """True when nothing is wrong; an empty ledger is intact, and says so with size 0."""
        return not self.faults


def verify_entries(session: Session) -> LedgerCheck:
    """Hash every leaf again and compare all there is to compare, in one pass.

    1. Each entry's number follows the one before it.
    2. The stored hash is the leaf's.
    3. The leaf reads as JSON and says what its columns say.
    4. The roots that are kept for proofs are those of the leaves.
    5. The head counts as many entries as there are.

    An entry that cannot even be read ends the pass: what comes after it is not looked at, and is not called intact.
    """
    found = _Findings()
    try:
        for seq, ts, type_, actor, subject, leaf, stored in entries.stream(session):
            found.take(seq, leaf, stored, columns=[seq, moment(ts), type_, actor, subject])
    except (ValueError, TypeError):
        found.fault("unreadable", found.expected, f"An entry from {found.expected} on cannot be read.")
    _compare_nodes(session, found)
    size = entries.size(session)
    if size != found.expected:
        found.fault("size", found.expected, f"The ledger counts {size} entries and ends after {found.expected}.")
    return LedgerCheck(size=found.size, root=found.root(), faults=tuple(found.faults[:MOST_FAULTS]))


def _compare_nodes(session: Session, found: "_Findings") -> None:
    """Compare every kept root with the one that the leaves have now."""
    small, large = entries.KEPT_LEVELS
    for level, width, now in ((small, 1 << small, found.full), (large, 1 << large, found.larger())):
        kept = entries.nodes(session, level=level)
        for number in sorted(kept.keys() | set(range(len(now)))):
            if kept.get(number) != (now[number] if number < len(now) else None):
                found.fault(
                    "node", number * width, f"The kept root from entry {number * width} on is not the leaves'."
                )


class _Findings:
    """What one pass has seen so far."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.expected = 0
        self.full: list[bytes] = []
        """Roots of the smallest kept subtrees."""
        self._upper = Frontier()
        """The tree over them."""
        self._subtree = Frontier()
        """The leaves after them."""

    @property
    def size(self) -> int:
        """Entries read."""
        return len(self.full) * entries.SMALLEST_KEPT + self._subtree.size

    def root(self) -> bytes:
        """Return the root over the entries read."""
        return self._upper.root(after=self._subtree)

    def larger(self) -> list[bytes]:
        """Return the roots one kept level up."""
        width = entries.SMALLEST_KEPT
        return [root(self.full[start : start + width]) for start in range(0, len(self.full) - width + 1, width)]

    def fault(self, code: str, seq: int, text: str) -> None:
        self.faults.append(Fault(seq=seq, code=code, text=text))

    def take(self, seq: int, leaf: bytes, stored: bytes, *, columns: list[object]) -> None:
        """Compare the next entry."""
        if seq != self.expected:
            self.fault("gap", self.expected, f"Entry {self.expected} is missing: the next one has number {seq}.")
        hashed = leaf_hash(leaf)
        self._subtree.add(hashed)
        if self._subtree.size == entries.SMALLEST_KEPT:
            self.full.append(self._subtree.root())
            self._upper.add(self.full[-1])
            self._subtree = Frontier()
        self.expected = seq + 1
        if hashed != stored:
            self.fault("hash", seq, f"Entry {seq} is not the one that was hashed.")
            return
        said = _said(leaf)
        if said is None:
            self.fault("unreadable", seq, f"The leaf of entry {seq} is no ledger leaf.")
        elif said != (VERSION, *columns):
            self.fault("columns", seq, f"The columns of entry {seq} do not say what its leaf says.")


_DECODE: Final = json.JSONDecoder().decode
_ABOUT_ITSELF: Final = itemgetter("v", "seq", "ts", "type", "actor", "subject")


def _said(leaf: bytes) -> tuple[object, ...] | None:
    """Return what a leaf says of itself, or ``None`` when it is no leaf."""
    try:
        said: tuple[object, ...] = _ABOUT_ITSELF(_DECODE(leaf.decode()))
    except (ValueError, KeyError, TypeError):
        return None
    return said
