"""Reject a bad update after a part of the items: a betting e-process against "not more than the margin worse".

The null is that the mean difference d = s(candidate) − s(reference) over items, drawn in whole clusters, is at least
−δ. Capital starts at 1 and is bet against the null cluster by cluster; under the null it exceeds 1/α with a
probability of at most α, however often it is looked at (Ville's inequality). So rejecting as soon as it does gives a
false block with probability α at most, and the fixed-n test, which alone can pass, keeps all of its own α.

Bets are hedged over a fixed grid of fractions, with equal capital on each: no fraction is tuned to anything, and the
mixture loses at most a factor of the grid's size against the best of them.

Source:
    Waudby-Smith and Ramdas 2024, "Estimating means of bounded random variables by betting", sections 4 and 5.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from regression.errors import UnmeasuredError
from regression.item_results import ItemResult

REJECT_ALPHA: Final = 0.01
"""Chance of a false block, however often the capital is looked at."""

_FRACTIONS: Final = tuple(0.98 * 2.0 ** (-step / 2) for step in range(14))
"""Bets as shares of the largest that cannot lose everything: from 0.98 down to about 0.011."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequential:
    """How far a sequential test has come."""

    rejected: bool
    """Whether the candidate is surely more than the margin worse."""
    capital: float
    """Largest capital so far; 1/α rejects."""
    items: int
    """Items read."""
    clusters: int
    """Clusters read."""


class EProcess:
    """Capital bet against "the mean difference is at least −margin", cluster by cluster."""

    def __init__(self, *, margin: float, largest_cluster: int, alpha: float = REJECT_ALPHA) -> None:
        """Begin with a capital of 1.

        Args:
            margin: δ, in the score's unit, in [0, 1).
            largest_cluster: most items of any cluster that will come, known before the first bet.
            alpha: chance of rejecting wrongly.
        """
        if not 0 <= margin < 1 or not 0 < alpha < 1 or largest_cluster < 1:
            raise RuntimeError("a margin lies in [0, 1), alpha in (0, 1), and a cluster holds at least one item")
        self._margin = margin
        self._threshold = math.log(1 / alpha)
        self._largest = largest_cluster
        # The worst bet loses fraction · (1 + margin) per unit of the largest cluster.
        self._bets = tuple(fraction / (1 + margin) for fraction in _FRACTIONS)
        self._logs = [0.0] * len(self._bets)
        self._best = 0.0
        self._items = self._clusters = 0

    @property
    def state(self) -> Sequential:
        """How far it has come."""
        return Sequential(
            rejected=self._best >= self._threshold,
            capital=math.exp(min(self._best, 700.0)),
            items=self._items,
            clusters=self._clusters,
        )

    def bet(self, differences: Sequence[float]) -> Sequential:
        """Take in one whole cluster's differences, each in [−1, 1].

        The stake is Σ(−δ − d) over the cluster, as a share of the largest cluster: its mean is at most 0 under the
        null whatever the clusters' sizes, because the null is about the mean over items.

        Raises:
            UnmeasuredError: a difference is not finite or outside [−1, 1], or the cluster is empty or too large.
        """
        if not differences or len(differences) > self._largest:
            raise UnmeasuredError(f"a cluster of {len(differences)} items cannot be bet on.")
        if not all(math.isfinite(d) and -1 <= d <= 1 for d in differences):
            raise UnmeasuredError("a difference is not finite, or outside −1 to 1.")
        stake = math.fsum(-self._margin - d for d in differences) / self._largest
        for place, bet in enumerate(self._bets):
            self._logs[place] += math.log1p(bet * stake)
        top = max(self._logs)
        mixture = top + math.log(math.fsum(math.exp(log - top) for log in self._logs) / len(self._logs))
        self._best = max(self._best, mixture)
        self._items += len(differences)
        self._clusters += 1
        return self.state


def sequentially(
    rounds: Iterable[Sequence[ItemResult]],
    reference: Iterable[ItemResult],
    *,
    margin: float,
    largest_cluster: int,
    alpha: float = REJECT_ALPHA,
) -> Iterator[Sequential]:
    """Yield how far the test has come after every round of the candidate's results; stop asking once it rejects.

    Args:
        rounds: the candidate's results in a seeded random order of whole clusters; only read as far as needed.
        reference: the other model's results on all items, in any order.
        margin: δ.
        largest_cluster: most items of any cluster of the suite.
        alpha: chance of rejecting wrongly.

    Raises:
        UnmeasuredError: an item has no counterpart, or a score is not finite.
    """
    scores = {item.id: item.score for item in reference}
    process = EProcess(margin=margin, largest_cluster=largest_cluster, alpha=alpha)
    for results in rounds:
        clusters: dict[str, list[float]] = {}
        for item in results:
            if item.id not in scores:
                raise UnmeasuredError(f"the item {item.id!r} was measured on one side only.")
            clusters.setdefault(item.cluster, []).append(item.score - scores[item.id])
        for differences in clusters.values():
            process.bet(differences)
        yield process.state
        if process.state.rejected:
            return
