"""Two models on the same items: the mean difference, how sure it is, and whether it stays within a margin.

Per item d = s(candidate) − s(reference). Bounds are one-sided at level 1 − α each, so that [low, high] together is a
two-sided 1 − 2α interval. Standard errors are clustered. Items missing on one side are an error, never an
intersection, and too few items or clusters are unmeasured.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from regression.errors import UnmeasuredError
from regression.item_results import ItemResult, SuiteResult


class Answer(StrEnum):
    """What a non-inferiority test says."""

    PASS = "pass"  # noqa: S105 - no password
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True, kw_only=True)
class Paired:
    """The paired difference of two results on one suite."""

    delta: float
    """Mean of candidate minus reference, in the score's unit."""
    low: float
    """One-sided lower bound of the mean difference at level 1 − α."""
    high: float
    """One-sided upper bound at level 1 − α."""
    se: float
    """Standard error of the mean difference, clustered."""
    n: int
    """Items."""
    clusters: int
    discordant: int
    """Items whose scores differ."""
    negative_flips: int
    """Items the candidate scores lower."""
    positive_flips: int
    """Items the candidate scores higher."""
    alpha: float
    method: str
    """How the bounds were taken: ``cluster-t``, or ``cluster-t, tango and exact: the widest``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proportion:
    """The share of items scored 1, or the mean of any other score, of one result."""

    mean: float
    low: float
    """One-sided lower bound at level 1 − α."""
    high: float
    """One-sided upper bound at level 1 − α."""
    se: float
    n: int
    clusters: int
    alpha: float
    method: str


def compare(candidate: SuiteResult, reference: SuiteResult, *, alpha: float = 0.05) -> Paired:
    """Return the paired difference of two results.

    Raises:
        UnmeasuredError: other suites or items on the two sides, fewer than two items or clusters, or a score that is
            not finite.
    """
    if candidate.suite_digest != reference.suite_digest:
        raise UnmeasuredError(
            f"the two results come from different suites ({candidate.suite}, {reference.suite}).",
            hint="Evaluate both models on one suite.",
        )
    ours, theirs = _by_id(candidate), _by_id(reference)
    if lonely := sorted(set(ours) ^ set(theirs)):
        raise UnmeasuredError(
            f"{len(lonely)} items were measured on one side only, first {lonely[0]!r}.",
            hint="Evaluate both models on the whole suite.",
        )
    return compare_scores(
        [item.score for item in ours.values()],
        [theirs[name].score for name in ours],
        [item.cluster for item in ours.values()],
        alpha=alpha,
    )


def compare_scores(
    candidate: Sequence[float], reference: Sequence[float], clusters: Sequence[str], *, alpha: float = 0.05
) -> Paired:
    """Return the paired difference of two lists of scores in one order.

    Args:
        candidate: one score per item.
        reference: one score per item.
        clusters: one cluster name per item.
        alpha: level of each one-sided bound.

    Raises:
        UnmeasuredError: fewer than two items or clusters, or a score that is not finite.

    Scores of 0 and 1 get the widest of three bounds, so that few flips, no flips or nothing but flips never look
    certain; with many mixed flips the three agree.

    Source:
        Cluster-robust standard error of a mean: Liang and Zeger 1986; Miller 2024, "Adding error bars to evals",
        eq. 4. Its effective degrees of freedom: Satterthwaite 1946. Skewness: Hall 1992. Score interval of a paired
        difference: Tango 1998. Exact: Clopper and Pearson 1934.
    """
    _check_alpha(alpha)
    d = [a - b for a, b in zip(candidate, reference, strict=True)]
    spread = _clustered(d, clusters)
    delta, n = spread.mean, len(d)
    negative, positive = sum(x < 0 for x in d), sum(x > 0 for x in d)
    low, high = spread.bounds(alpha)
    method = "cluster-t"
    if all(score in (0.0, 1.0) for score in (*candidate, *reference)):
        # Clustered flips carry less than n items: the counts are scaled down by the design effect (Kish), which is an
        # estimate itself, so that its own uncertainty goes into the quantile.
        effect = spread.design_effect
        z = _z(1 - alpha) if effect <= 1 else max(_z(1 - alpha), _t(1 - alpha, spread.freedom))
        b, c, size = positive / effect, negative / effect, n / effect
        low = min(low, _tango(b, c, size, z, side=-1))
        high = max(high, _tango(b, c, size, z, side=1))
        if positive == 0:
            low = min(low, -_clopper_pearson(c, size, alpha)[1])
        if negative == 0:
            high = max(high, _clopper_pearson(b, size, alpha)[1])
        low, high = max(low, -1.0), min(high, 1.0)
        method = "cluster-t, tango and exact: the widest"
    return Paired(
        delta=delta,
        low=low,
        high=high,
        se=spread.se,
        n=n,
        clusters=spread.groups,
        discordant=negative + positive,
        negative_flips=negative,
        positive_flips=positive,
        alpha=alpha,
        method=method,
    )


def non_inferiority(paired: Paired, margin: float) -> Answer:
    """Return PASS when the candidate is surely less than ``margin`` worse, FAIL when surely more, else INCONCLUSIVE.

    For scores where higher is better. The margin itself is not within the margin.
    """
    if not (math.isfinite(margin) and margin >= 0):
        raise RuntimeError(f"a margin is a finite number of at least 0, not {margin}")
    if paired.low > -margin:
        return Answer.PASS
    if paired.high < -margin:
        return Answer.FAIL
    return Answer.INCONCLUSIVE


def proportion(result: SuiteResult, *, alpha: float = 0.05) -> Proportion:
    """Return the mean score with one-sided bounds at level 1 − α each, for absolute limits.

    For scores of 0 and 1 the wider of the clustered t bound and the Clopper–Pearson bound at the effective sample
    size is taken, so that all right or all wrong is never certain.

    Raises:
        UnmeasuredError: fewer than two items or clusters, or a score that is not finite.
    """
    _check_alpha(alpha)
    scores = [item.score for item in _by_id(result).values()]
    spread = _clustered(scores, [item.cluster for item in result.items])
    (low, high), method = spread.bounds(alpha), "cluster-t"
    if all(score in (0.0, 1.0) for score in scores):
        effect = spread.design_effect
        exact = _clopper_pearson(sum(scores) / effect, len(scores) / effect, alpha)
        low, high = max(0.0, min(low, exact[0])), min(1.0, max(high, exact[1]))
        method = "cluster-t and exact: the wider"
    return Proportion(
        mean=spread.mean,
        low=low,
        high=high,
        se=spread.se,
        n=len(scores),
        clusters=spread.groups,
        alpha=alpha,
        method=method,
    )


def _by_id(result: SuiteResult) -> dict[str, ItemResult]:
    found = {item.id: item for item in result.items}
    if len(found) < len(result.items):
        raise UnmeasuredError(f"the result on {result.suite} holds an item twice.", hint="Evaluate it again.")
    return found


def _check_alpha(alpha: float) -> None:
    if not 0 < alpha < 0.5:
        raise RuntimeError(f"alpha lies between 0 and 0.5, not {alpha}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spread:
    """A clustered mean and how sure it is."""

    mean: float
    se: float
    """Clustered."""
    independent: float
    """Standard error as if items were independent."""
    groups: int
    freedom: float
    """Effective degrees of freedom of ``se``: many clusters that tell nothing are no many clusters."""
    skewness: float
    """Of the clusters' own sums."""

    @property
    def design_effect(self) -> float:
        """Variance of the clustered mean over that of independent items, at least 1 (Kish)."""
        return max(1.0, (self.se / self.independent) ** 2) if self.independent > 0 else 1.0

    def bounds(self, alpha: float) -> tuple[float, float]:
        """Return both one-sided bounds at level 1 − α: the wider of t and t corrected for skewness, on each side."""
        quantile = _t(1 - alpha, self.freedom)
        low = max(quantile, _hall(quantile, self.skewness, self.groups))
        high = max(quantile, _hall(quantile, -self.skewness, self.groups))
        return self.mean - low * self.se, self.mean + high * self.se


def _clustered(values: Sequence[float], clusters: Sequence[str]) -> _Spread:
    """Return the mean, and how sure it is.

    The variance of a variance estimated from G cluster sums with kurtosis κ is σ⁴(κ − 1)/G, and 2σ⁴/f for f degrees
    of freedom; equating the two (Satterthwaite 1946) gives f = 2G/(κ − 1), at most G − 1.
    """
    n = len(values)
    if not all(map(math.isfinite, values)):
        raise UnmeasuredError("a score is not finite.", hint="Look for the item the model failed on.")
    if n < 2:
        raise UnmeasuredError(f"{n} items are too few for an interval.", hint="Use a suite of many items.")
    mean = math.fsum(values) / n
    sums: dict[str, float] = defaultdict(float)
    for value, cluster in zip(values, clusters, strict=True):
        sums[cluster] += value - mean
    groups = len(sums)
    if groups < 2:
        raise UnmeasuredError("all items belong to one cluster, so there is no error to estimate.", hint="Add topics.")
    second, third, fourth = (math.fsum(total**power for total in sums.values()) / groups for power in (2, 3, 4))
    se = math.sqrt(groups / (groups - 1) * groups * second) / n
    independent = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (n * (n - 1)))
    excess = fourth / second**2 - 1 if second**2 > 0 else 0.0
    return _Spread(
        mean=mean,
        se=se,
        independent=independent,
        groups=groups,
        freedom=max(1.0, min(groups - 1, 2 * groups / excess)) if excess > 0 else groups - 1,
        skewness=third / second**1.5 if second**1.5 > 0 else 0.0,
    )


def _hall(quantile: float, skewness: float, groups: int) -> float:
    """Return the quantile of a studentised mean whose terms are skewed.

    Source:
        Hall 1992, "On the removal of skewness by transformation", eq. 1.2, inverted.
    """
    root = math.sqrt(groups)
    step = skewness / root
    if abs(step) < 1e-9:
        return quantile
    return 3 / step * (math.cbrt(1 + step * (quantile - step / 6)) - 1)


def _tango(b: float, c: float, n: float, z: float, *, side: int) -> float:
    """Return one bound of Tango's score interval for p(b) − p(c) by bisection; ``side`` −1 is the lower."""

    def statistic(delta: float) -> float:
        # q is the likelihood estimate of p(c) when the difference is held at delta.
        linear = -b - c + (2 * n - b + c) * delta
        root = math.sqrt(max(0.0, linear**2 + 8 * n * c * delta * (1 - delta)))
        q = max(0.0, (root - linear) / (4 * n))
        variance = n * (2 * q + delta * (1 - delta))
        distance = b - c - n * delta
        return distance / math.sqrt(variance) if variance > 0 else math.copysign(math.inf, distance)

    inner, outer = (b - c) / n, float(side)
    for _ in range(100):
        middle = (inner + outer) / 2
        if abs(statistic(middle)) <= z:
            inner = middle
        else:
            outer = middle
    return outer


def _clopper_pearson(hits: float, n: float, alpha: float) -> tuple[float, float]:
    from scipy.stats import beta

    low = 0.0 if hits <= 0 else float(beta.ppf(alpha, hits, n - hits + 1))
    high = 1.0 if hits >= n else float(beta.ppf(1 - alpha, hits + 1, n - hits))
    return low, high


def _t(level: float, freedom: float) -> float:
    from scipy.stats import t

    return float(t.ppf(level, freedom))


def _z(level: float) -> float:
    from scipy.stats import norm

    return float(norm.ppf(level))
