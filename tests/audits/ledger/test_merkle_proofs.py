"""Proofs against the definitions of RFC 6962, written out as the recursion that the RFC gives."""

import hashlib
import random

import pytest

from audits.ledger.merkle import (
    EMPTY_ROOT,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root,
    split,
    verify_consistency,
    verify_inclusion,
)

MOST = 256
LEAVES = [leaf_hash(number.to_bytes(4, "big")) for number in range(MOST)]

# The eight leaves that implementations of the RFC are commonly tried on, and the roots after each.
KNOWN_LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
KNOWN_ROOT = "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


def mth(hashes):
    """Merkle tree hash, as section 2.1 defines it."""
    if not hashes:
        return hashlib.sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    return hashlib.sha256(b"\x01" + mth(hashes[:k]) + mth(hashes[k:])).digest()


ROOTS = {}


def subtree(start, end):
    """``mth`` of a range, remembered."""
    if (start, end) not in ROOTS:
        if end - start == 1:
            ROOTS[start, end] = LEAVES[start]
        else:
            middle = start + split(end - start)
            joined = b"\x01" + subtree(start, middle) + subtree(middle, end)
            ROOTS[start, end] = hashlib.sha256(joined).digest()
    return ROOTS[start, end]


def path(m, hashes_from, hashes_to):
    """PATH(m, D[n]) of section 2.1.1."""
    n = hashes_to - hashes_from
    if n == 1:
        return []
    k = split(n)
    if m < k:
        return [*path(m, hashes_from, hashes_from + k), subtree(hashes_from + k, hashes_to)]
    return [*path(m - k, hashes_from + k, hashes_to), subtree(hashes_from, hashes_from + k)]


def subproof(m, start, end, whole):
    """SUBPROOF(m, D[n], b) of section 2.1.2."""
    n = end - start
    if m == n:
        return [] if whole else [subtree(start, end)]
    k = split(n)
    if m <= k:
        return [*subproof(m, start, start + k, whole), subtree(start + k, end)]
    return [*subproof(m - k, start + k, end, False), subtree(start, start + k)]


def test_the_known_leaves_give_the_known_root():
    assert root(leaf_hash(leaf) for leaf in KNOWN_LEAVES).hex() == KNOWN_ROOT
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize("size", [1, 2, 3, 5, 8, 13, 64, 100, 255, 256])
def test_the_root_is_the_recursion_of_the_rfc(size):
    assert root(LEAVES[:size]) == mth(LEAVES[:size]) == subtree(0, size)


def test_every_inclusion_proof_is_the_recursions_and_holds():
    for size in range(1, MOST + 1):
        for index in range(size):
            proof = inclusion_proof(index, size, subtree)
            assert list(proof) == path(index, 0, size)
            assert verify_inclusion(leaf=LEAVES[index], index=index, size=size, proof=proof, root=subtree(0, size)), (
                index,
                size,
            )


def test_every_consistency_proof_is_the_recursions_and_holds():
    for new in range(1, MOST + 1):
        for old in range(1, new + 1):
            proof = consistency_proof(old, new, subtree)
            assert list(proof) == subproof(old, 0, new, True)
            assert verify_consistency(
                old_size=old, old_root=subtree(0, old), new_size=new, new_root=subtree(0, new), proof=proof
            ), (old, new)


def mutated(rng, proof):
    """A proof that is another one: a bit turned, one dropped, one doubled, two swapped, one added, one cut short."""
    wrong = list(proof)
    kind = rng.randrange(6)
    if kind == 0 and wrong:
        at = rng.randrange(len(wrong))
        bit = rng.randrange(256)
        wrong[at] = (int.from_bytes(wrong[at], "big") ^ (1 << bit)).to_bytes(32, "big")
    elif kind == 1 and wrong:
        wrong.pop(rng.randrange(len(wrong)))
    elif kind == 2 and wrong:
        at = rng.randrange(len(wrong))
        wrong.insert(at, wrong[at])
    elif kind == 3 and len(wrong) > 1:
        left, right = rng.sample(range(len(wrong)), 2)
        wrong[left], wrong[right] = wrong[right], wrong[left]
    elif kind == 4 and wrong:
        at = rng.randrange(len(wrong))
        wrong[at] = wrong[at][:-1]
    else:
        wrong.insert(rng.randrange(len(wrong) + 1), rng.randbytes(32))
    return tuple(wrong)


def test_no_mutated_proof_is_accepted():
    rng = random.Random(6962)  # noqa: S311 - a fixed seed, not a secret
    tried = 0
    while tried < 100_000:
        new = rng.randrange(2, MOST + 1)
        old = rng.randrange(1, new)
        index = rng.randrange(new)
        proof = inclusion_proof(index, new, subtree)
        wrong = mutated(rng, proof)
        assert wrong == proof or not verify_inclusion(
            leaf=LEAVES[index], index=index, size=new, proof=wrong, root=subtree(0, new)
        ), (index, new, wrong)
        consistency = consistency_proof(old, new, subtree)
        other = mutated(rng, consistency)
        assert other == consistency or not verify_consistency(
            old_size=old, old_root=subtree(0, old), new_size=new, new_root=subtree(0, new), proof=other
        ), (old, new, other)
        tried += (wrong != proof) + (other != consistency)


def test_a_proof_for_another_place_size_or_root_is_refused():
    for size in range(2, 40):
        for index in range(size):
            proof = inclusion_proof(index, size, subtree)
            said = {"leaf": LEAVES[index], "index": index, "size": size, "proof": proof, "root": subtree(0, size)}
            for change in (
                {"index": (index + 1) % size},
                {"leaf": LEAVES[(index + 1) % size]},
                {"root": subtree(0, size - 1)},
                {"index": -1},
                {"index": size},
                {"size": 0},
            ):
                assert not verify_inclusion(**{**said, **change}), (index, size, change)


def test_a_log_never_shrinks_consistently():
    assert not verify_consistency(old_size=3, old_root=subtree(0, 3), new_size=2, new_root=subtree(0, 2), proof=())
    assert not verify_consistency(old_size=0, old_root=subtree(0, 1), new_size=2, new_root=subtree(0, 2), proof=())
    assert verify_consistency(old_size=0, old_root=EMPTY_ROOT, new_size=2, new_root=subtree(0, 2), proof=())


@pytest.mark.parametrize(("index", "size"), [(0, 0), (3, 3), (-1, 2)])
def test_there_is_no_proof_for_a_leaf_that_is_not_there(index, size):
    with pytest.raises(RuntimeError):
        inclusion_proof(index, size, subtree)
