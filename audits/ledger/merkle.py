"""RFC 6962 hashing: a leaf hash is SHA-256(0x00 ‖ leaf), a node hash SHA-256(0x01 ‖ left ‖ right).

The prefixes keep a leaf from ever passing for a node. Law: ``root`` over n hashes equals the recursion of RFC 6962
section 2.1, which splits at the largest power of two below n.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Final, TypeAlias

Subtree: TypeAlias = Callable[[int, int], bytes]
"""Root over the leaves from the first number up to, but not including, the second."""

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
        self.edge: list[bytes] = []
        """Roots of the perfect subtrees, largest first."""

    def add(self, hashed: bytes) -> None:
        """Take the next leaf hash in."""
        carried, size = hashed, self.size
        while size & 1:
            carried = node_hash(self.edge.pop(), carried)
            size >>= 1
        self.edge.append(carried)
        self.size += 1

    def root(self, after: "Frontier | None" = None) -> bytes:
        """Return the Merkle tree hash of the leaves so far.

        Args:
            after: a tree of at most one perfect subtree's leaves to this one's right; then this one's own leaves are
                the roots of such subtrees, and the hash is that of all their leaves and those after them.
        """
        edge = self.edge if after is None else [*self.edge, *after.edge]
        if not edge:
            return EMPTY_ROOT
        right = edge[-1]
        for left in reversed(edge[:-1]):
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


def split(size: int) -> int:
    """Return the largest power of two below ``size``: where a tree of that many leaves divides."""
    return 1 << (size - 1).bit_length() - 1


def inclusion_proof(index: int, size: int, subtree: Subtree) -> tuple[bytes, ...]:
    """Return the hashes that lead from one leaf to the root of a tree.

    Args:
        index: the leaf's number, from 0.
        size: leaves of the tree.
        subtree: gives the roots that the proof is made of.

    Raises:
        RuntimeError: the tree has no such leaf.

    Source:
        RFC 6962, section 2.1.1.
    """
    if not 0 <= index < size:
        raise RuntimeError(f"a tree of {size} leaves has no leaf {index}")
    proof, start, end = [], 0, size
    while end - start > 1:
        middle = start + split(end - start)
        if index < middle:
            proof.append(subtree(middle, end))
            end = middle
        else:
            proof.append(subtree(start, middle))
            start = middle
    return tuple(reversed(proof))


def consistency_proof(old: int, new: int, subtree: Subtree) -> tuple[bytes, ...]:
    """Return the hashes that show that a tree of ``old`` leaves is the beginning of one of ``new``.

    Raises:
        RuntimeError: the old tree is empty or larger than the new one.

    Source:
        RFC 6962, section 2.1.2.
    """
    if not 0 < old <= new:
        raise RuntimeError(f"no consistency proof leads from {old} to {new} leaves")
    proof, start, end, whole = [], 0, new, True
    while old != end:
        middle = start + split(end - start)
        if old <= middle:
            proof.append(subtree(middle, end))
            end = middle
        else:
            proof.append(subtree(start, middle))
            start, whole = middle, False
    if not whole:
        proof.append(subtree(start, end))
    return tuple(reversed(proof))


def verify_inclusion(*, leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Return whether a leaf hash is the one of that number in the tree with this size and root.

    Source:
        RFC 9162, section 2.1.3.2.
    """
    if not 0 <= index < size or any(len(each) != len(EMPTY_ROOT) for each in proof):
        return False
    first, last, hashed = index, size - 1, leaf
    for each in proof:
        if last == 0:
            return False
        if first & 1 or first == last:
            hashed = node_hash(each, hashed)
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            hashed = node_hash(hashed, each)
        first, last = first >> 1, last >> 1
    return last == 0 and hashed == root


def verify_consistency(
    *, old_size: int, old_root: bytes, new_size: int, new_root: bytes, proof: Sequence[bytes]
) -> bool:
    """Return whether the tree with the old size and root is the beginning of the one with the new.

    Source:
        RFC 9162, section 2.1.4.2. An empty tree is the beginning of every tree, with an empty proof.
    """
    if not 0 <= old_size <= new_size or any(len(each) != len(EMPTY_ROOT) for each in proof):
        return False
    if old_size == 0:
        return not proof and old_root == EMPTY_ROOT
    if old_size == new_size:
        return not proof and old_root == new_root
    path = list(proof)
    if old_size & (old_size - 1) == 0:
        path.insert(0, old_root)
    if not path:
        return False
    first, last = old_size - 1, new_size - 1
    while first & 1:
        first, last = first >> 1, last >> 1
    old_hash = new_hash = path[0]
    for each in path[1:]:
        if last == 0:
            return False
        if first & 1 or first == last:
            old_hash, new_hash = node_hash(each, old_hash), node_hash(each, new_hash)
            while not first & 1 and first:
                first, last = first >> 1, last >> 1
        else:
            new_hash = node_hash(new_hash, each)
        first, last = first >> 1, last >> 1
    return last == 0 and (old_hash, new_hash) == (old_root, new_root)
