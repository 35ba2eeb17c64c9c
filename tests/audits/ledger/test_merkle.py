"""The Merkle tree hash against RFC 6962: the published vectors, and its own recursion."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audits.ledger.merkle import EMPTY_ROOT, Frontier, leaf_hash, node_hash, root

# The vectors of the certificate-transparency reference implementation (merkletree tests): eight leaves and the root
# over the first n of them.
LEAVES = [
    "",
    "00",
    "10",
    "2021",
    "3031",
    "40414243",
    "5051525354555657",
    "606162636465666768696a6b6c6d6e6f",
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]


@pytest.mark.parametrize("size", range(1, 9))
def test_the_published_roots_are_met(size):
    leaves = [bytes.fromhex(leaf) for leaf in LEAVES[:size]]

    assert root(map(leaf_hash, leaves)).hex() == ROOTS[size - 1]


def test_an_empty_tree_is_the_hash_of_nothing():
    assert root([]) == EMPTY_ROOT
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


def recursion(hashes: list[bytes]) -> bytes:
    """Return MTH as RFC 6962 section 2.1 writes it."""
    if len(hashes) == 1:
        return hashes[0]
    split = 1 << (len(hashes) - 1).bit_length() - 1
    return node_hash(recursion(hashes[:split]), recursion(hashes[split:]))


@given(st.lists(st.binary(max_size=8), min_size=1, max_size=300))
def test_one_pass_gives_what_the_recursion_gives(leaves):
    hashes = [leaf_hash(leaf) for leaf in leaves]

    assert root(hashes) == recursion(hashes)


def test_a_growing_tree_knows_its_root_at_every_size():
    frontier, hashes = Frontier(), []

    for number in range(130):
        hashes.append(leaf_hash(bytes([number])))
        frontier.add(hashes[-1])

        assert (frontier.size, frontier.root()) == (number + 1, recursion(hashes))


def test_a_leaf_never_passes_for_a_node():
    left, right = leaf_hash(b"a"), leaf_hash(b"b")

    assert leaf_hash(left + right) != node_hash(left, right)


@pytest.mark.parametrize("size", [0, 1, 7, 8, 9, 16, 23, 24, 61, 64, 65])
def test_a_tree_over_subtrees_with_leaves_after_them_has_the_root_of_all_leaves(size):
    hashes = [leaf_hash(bytes([number])) for number in range(size)]
    upper, partial = Frontier(), Frontier()
    for start in range(0, size - size % 8, 8):
        upper.add(root(hashes[start : start + 8]))
    for hashed in hashes[size - size % 8 :]:
        partial.add(hashed)

    assert upper.root(after=partial) == root(hashes)
