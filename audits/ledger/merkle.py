"""RFC 6962 hashing: a leaf hash is SHA-256(0x00 ‖ leaf), a node hash SHA-256(0x01 ‖ left ‖ right).

The prefixes keep a leaf from ever passing for a node. Law: ``root`` over n hashes equals the recursion of RFC 6962
section 2.1, which splits at the largest power of two below n.
"""

import hashlib
from collections.abc import Iterable
from typing import Final

EMPTY_ROOT: Final = hashlib.sha256(b"").digest()
"""Root of a tree without leaves."""


def leaf_hash(leaf: bytes) -> bytes:
    """Return the hash of one leaf, 32 bytes."""
    return hashlib.sha256(b"\x00" + leaf).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of an inner node, 32 bytes."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Frontier:
    """The right edge of a growing tree: the roots of its perfect subtrees, largest first.

    Holds at most log2(n) + 1 hashes, so a root takes one pass over the leaves and no list of them.
    """

    def __init__(self) -> None:
        self.size = 0
        """Leaves so far."""
        self._perfect: list[bytes] = []

    def add(self, hashed: bytes) -> None:
        """Take the next leaf hash in."""
        carried, size = hashed, self.size
        while size & 1:
            carried = node_hash(self._perfect.pop(), carried)
            size >>= 1
        self._perfect.append(carried)
        self.size += 1

    def root(self) -> bytes:
        """Return the Merkle tree hash of the leaves so far."""
        if not self._perfect:
            return EMPTY_ROOT
        right = self._perfect[-1]
        for left in reversed(self._perfect[:-1]):
            right = node_hash(left, right)
        return right


def root(hashes: Iterable[bytes]) -> bytes:
    """Return the Merkle tree hash over leaf hashes, 32 bytes.

    Source:
        RFC 6962, section 2.1.
    """
    frontier = Frontier()
    for hashed in hashes:
        frontier.add(hashed)
    return frontier.root()
