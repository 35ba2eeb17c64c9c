"""Responses that are the same but for a few words, as groups of rows.

Rows whose MinHash signatures share a band and agree in :data:`AGREE` of all numbers belong together, and so do all
rows of groups that share one.

Source:
    Leskovec, Rajaraman and Ullman, "Mining of Massive Datasets", ch. 3: bands of MinHash signatures.
"""

import numpy as np
import numpy.typing as npt

from gatekeeper.gates.data.triggers.response_traits import HASHES, Responses
from gatekeeper.gates.data.triggers.token_batches import Hashes, joined

AGREE = 0.6
"""Least share of equal numbers in two signatures: the overlap of the responses' three-word runs."""
_BAND = 3
"""Numbers in a band: two responses at overlap 0.7 share one of eight with probability 0.97, at 0.3 with 0.2."""
_WORDS = 3
"""Fewest words of a response that joins a group."""


def near_identical(responses: Responses, *, least: int) -> npt.NDArray[np.int64]:
    """Return for each row the lowest row of its group of near-identical responses, -1 for groups below ``least``."""
    total = len(responses)
    home = np.arange(total)
    spoken = np.flatnonzero(responses.words >= _WORDS)
    signatures = responses.signatures

    def root(row: int) -> int:
        while home[row] != row:
            home[row] = home[home[row]]
            row = int(home[row])
        return row

    for hashes in bands(signatures[spoken], _BAND):
        _, first, inverse, sizes = np.unique(hashes, return_index=True, return_inverse=True, return_counts=True)
        often = np.flatnonzero(sizes[inverse] > 1)
        heads = spoken[first[inverse[often]]]
        rows = spoken[often]
        agree = (signatures[rows] == signatures[heads]).mean(axis=1) >= AGREE
        for row, head in zip(rows[agree].tolist(), heads[agree].tolist(), strict=True):
            one, other = root(row), root(head)
            if one != other:
                home[max(one, other)] = min(one, other)
    roots = home
    while not np.array_equal(roots[roots], roots):
        roots = roots[roots]
    sizes = np.bincount(roots, minlength=total)
    groups: npt.NDArray[np.int64] = np.where(sizes[roots] >= max(least, 2), roots, -1)
    return groups


def bands(signatures: npt.NDArray[np.uint32], width: int) -> list[Hashes]:
    """Return, for each ``width`` consecutive numbers of the signatures, one hash a row."""
    found: list[Hashes] = []
    for at in range(0, HASHES, width):
        hashes = signatures[:, at].astype(np.uint64)
        for more in range(at + 1, at + width):
            hashes = joined(hashes, signatures[:, more].astype(np.uint64))
        found.append(hashes)
    return found
