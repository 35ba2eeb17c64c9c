"""Items that changed sides: lost, won, and how many of them two unrelated models would have swapped by chance."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from regression.errors import UnmeasuredError
from regression.paired import Answer, compare_scores, non_inferiority


@dataclass(frozen=True, slots=True, kw_only=True)
class Flips:
    """How two models' right and wrong answers lie to each other, over items scored 0 or 1."""

    n: int
    negative: int
    """Right in the reference, wrong in the candidate."""
    positive: int
    """Wrong in the reference, right in the candidate."""
    negative_rate: float
    """Negative flips over all items."""
    by_chance: float
    """Negative flips over all items of two models with these accuracies that know nothing of each other."""
    relative: float | None
    """``negative_rate`` over ``by_chance``: 1 means as many as by chance; ``None`` where chance gives none."""


def count_flips(candidate: Sequence[float], reference: Sequence[float]) -> Flips:
    """Return how many items changed sides, beside how many would by chance.

    Args:
        candidate: one score per item, 0 or 1.
        reference: one score per item, 0 or 1, in the same order.

    Raises:
        UnmeasuredError: there are no items, or a score is neither 0 nor 1.

    Source:
        Yan et al. 2021, "Positive-Congruent Training", eq. 1 and 3: the relative negative flip rate is
        NFR / ((1 − error of the reference) · error of the candidate).
    """
    if len(candidate) != len(reference):
        raise RuntimeError("both sides have one score per item")
    if not candidate or any(score not in (0.0, 1.0) for score in (*candidate, *reference)):
        raise UnmeasuredError("flips are counted over items scored 0 or 1.")
    n = len(candidate)
    pairs = list(zip(candidate, reference, strict=True))
    negative = sum(ours < theirs for ours, theirs in pairs)
    positive = sum(ours > theirs for ours, theirs in pairs)
    chance = sum(reference) / n * (1 - sum(candidate) / n)
    return Flips(
        n=n,
        negative=negative,
        positive=positive,
        negative_rate=negative / n,
        by_chance=chance,
        relative=negative / n / chance if chance > 0 else None,
    )


def regression_p(
    candidate: Sequence[float], reference: Sequence[float], clusters: Sequence[str], *, margin: float
) -> float:
    """Return the p-value of "the candidate is at most ``margin`` worse": the least α at which the test fails it.

    The bounds of :func:`~regression.paired.compare_scores` are inverted by bisection, so that the p-value and the
    answer never contradict each other.

    Raises:
        UnmeasuredError: as ``compare_scores``.
    """

    def fails(alpha: float) -> bool:
        paired = compare_scores(candidate, reference, clusters, alpha=alpha)
        return non_inferiority(paired, margin) is Answer.FAIL

    low, high = 1e-12, 0.4999
    if not fails(high):
        return 1.0
    if fails(low):
        return low
    for _ in range(40):
        middle = (low * high) ** 0.5
        low, high = (low, middle) if fails(middle) else (middle, high)
    return high


def name_regressions(p_values: Mapping[str, float], *, alpha: float = 0.05) -> tuple[str, ...]:
    """Return the suites that regressed, by Holm's step-down procedure: a wrong one among them with chance α at most.

    Only for naming: whether an update passes needs no correction, since every required suite must pass.

    Source:
        Holm 1979, as in ``statsmodels.stats.multitest.multipletests``.
    """
    from statsmodels.stats.multitest import multipletests

    if not p_values:
        return ()
    names = sorted(p_values)
    rejected = multipletests([p_values[name] for name in names], alpha=alpha, method="holm")[0]
    return tuple(name for name, named in zip(names, rejected, strict=True) if named)
