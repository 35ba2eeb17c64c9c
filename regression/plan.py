"""How many items a margin needs, and which margin the items at hand can carry."""

import math


def items_needed(
    margin: float,
    discordant: float,
    *,
    alpha: float = 0.05,
    tests: int = 1,
    miss: float = 0.05,
    design_effect: float = 1.0,
) -> int:
    """Return the least number of items so that an unchanged model passes all tests but for a chance of ``miss``.

    (z(1−α) + z(1−miss/m)) · SE ≤ δ with SE = sqrt(design effect · discordant / n): the variance of a difference in
    {−1, 0, 1} with mean 0 is its share of discordant items.

    Args:
        margin: δ, in the score's unit, above 0.
        discordant: expected share of items on which the two models differ, in (0, 1].
        alpha: level of each one-sided bound.
        tests: m, how many such tests must all pass.
        miss: accepted chance that an unchanged model fails to pass them all.
        design_effect: variance of the clustered mean over that of independent items, at least 1.
    """
    _check(margin=margin, discordant=discordant, alpha=alpha, tests=tests, miss=miss, design_effect=design_effect)
    return max(2, math.ceil(design_effect * discordant * (_reach(alpha, tests, miss) / margin) ** 2))


def margin_reachable(
    items: int,
    discordant: float,
    *,
    alpha: float = 0.05,
    tests: int = 1,
    miss: float = 0.05,
    design_effect: float = 1.0,
) -> float:
    """Return the least margin that ``items`` items can carry: the inverse of ``items_needed``."""
    _check(margin=1.0, discordant=discordant, alpha=alpha, tests=tests, miss=miss, design_effect=design_effect)
    if items < 2:
        raise RuntimeError("a margin needs at least two items")
    return _reach(alpha, tests, miss) * math.sqrt(design_effect * discordant / items)


def _reach(alpha: float, tests: int, miss: float) -> float:
    from scipy.stats import norm

    return float(norm.ppf(1 - alpha) + norm.ppf(1 - miss / tests))


def _check(*, margin: float, discordant: float, alpha: float, tests: int, miss: float, design_effect: float) -> None:
    if not (margin > 0 and 0 < discordant <= 1 and 0 < alpha < 0.5 and 0 < miss < 0.5):
        raise RuntimeError("margin and discordant share are above 0, alpha and miss between 0 and 0.5")
    if tests < 1 or design_effect < 1:
        raise RuntimeError("there is at least one test and a design effect of at least 1")
