"""In which order a suite is evaluated: rounds of whole clusters, in an order drawn by hash.

The order depends on the suite and the seed alone: no random generator, no model, no machine. A test that stops after
any round has therefore seen a random sample of clusters, the same one for every model.
"""

import hashlib
from typing import Final

from regression.suites import Suite

ROUND: Final = 64
"""Items of one round, unless a single cluster holds more."""


def rounds(suite: Suite, *, seed: int = 0, size: int = ROUND) -> tuple[tuple[int, ...], ...]:
    """Return indices of the suite's items, round by round.

    A round takes clusters while it holds at most ``size`` items; a larger cluster is a round of its own. Every item
    is in exactly one round, and no cluster in two.
    """
    clusters: dict[str, list[int]] = {}
    for n, item in enumerate(suite.items):
        clusters.setdefault(item.cluster, []).append(n)

    def drawn(cluster: str) -> bytes:
        return hashlib.sha256(
            "\x00".join((suite.digest, str(seed), cluster)).encode("utf-8", "surrogatepass")
        ).digest()

    found: list[list[int]] = []
    for cluster in sorted(clusters, key=lambda name: (drawn(name), name)):
        if found and len(found[-1]) + len(clusters[cluster]) <= size:
            found[-1] += clusters[cluster]
        else:
            found.append(list(clusters[cluster]))
    return tuple(map(tuple, found))
