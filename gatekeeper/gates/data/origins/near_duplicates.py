"""Groups of texts that are nearly the same, found by bands and compared in full.

First the bands of every text, eight numbers each. Then the shingles of those texts alone that share a band with
another. Two texts belong together when their shingle sets have a Jaccard similarity of at least :data:`SIMILAR`, and
so do all that are linked by such pairs.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from gatekeeper.gates.data.origins.word_hashes import Hashes

SIMILAR = 0.6
"""Least Jaccard similarity over pairs of words: one word in eight may differ."""
_LEADERS = 8
"""Texts of one bucket that a further one is compared with."""


def candidates(keys: Hashes) -> npt.NDArray[np.bool_]:
    """Return which texts share a band with another.

    Args:
        keys: (texts, bands).
    """
    shared = np.zeros(len(keys), dtype=bool)
    for column in keys.T:
        _, inverse, counts = np.unique(column, return_inverse=True, return_counts=True)
        shared |= counts[inverse] > 1
    return shared


def groups(places: Sequence[int], keys: Hashes, shingles: Mapping[int, Hashes]) -> list[tuple[int, ...]]:
    """Return the groups of two or more, each in rising order, by their first member.

    Args:
        places: names of the candidates.
        keys: (candidates, bands), in the same order.
        shingles: of each candidate, sorted and distinct.
    """
    parent = {place: place for place in places}

    def root(place: int) -> int:
        while parent[place] != place:
            parent[place] = parent[parent[place]]
            place = parent[place]
        return place

    for column in keys.T:
        leaders: defaultdict[int, list[int]] = defaultdict(list)
        for place, key in zip(places, column.tolist(), strict=True):
            bucket = leaders[key]
            for leader in bucket:
                one, other = root(leader), root(place)
                if one == other:
                    break
                if similarity(shingles[leader], shingles[place]) >= SIMILAR:
                    parent[max(one, other)] = min(one, other)
                    break
            else:
                if len(bucket) < _LEADERS:
                    bucket.append(place)
    found: defaultdict[int, list[int]] = defaultdict(list)
    for place in places:
        found[root(place)].append(place)
    return [tuple(sorted(members)) for _, members in sorted(found.items()) if len(members) > 1]


def similarity(left: Hashes, right: Hashes) -> float:
    """Return the Jaccard similarity of two sorted sets, 0 to 1."""
    if len(left) == len(right) and np.array_equal(left, right):
        return 1.0
    common = len(np.intersect1d(left, right, assume_unique=True))
    return common / (len(left) + len(right) - common)
