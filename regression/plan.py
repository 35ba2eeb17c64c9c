"""How many items a margin needs, and which margin the items at hand can carry."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict


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


class _Common(TypedDict):
    alpha: float
    tests: int
    miss: float


@dataclass(frozen=True, slots=True, kw_only=True)
class SuitePlan:
    """What one suite needs, and what it costs."""

    name: str
    margin: float
    """The wanted δ."""
    have: int
    """Items of the suite."""
    need: int
    """Items that the margin needs."""
    reachable: float
    """The least margin that the items at hand carry."""
    tokens: int
    """Tokens to score for one model over the items that are needed."""

    @property
    def enough(self) -> bool:
        """Whether the suite has the items that its margin needs."""
        return self.have >= self.need


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What all required suites need together."""

    suites: tuple[SuitePlan, ...]
    seconds: float | None
    """For one model over all suites, as long as the caller knows tokens per second; ``None`` otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """One required suite and the margin that is wanted on it."""

    name: str
    items: int
    margin: float
    discordant: float
    """Expected share of items on which candidate and reference differ, from earlier results or a guess."""
    design_effect: float = 1.0
    tokens_per_item: float = 0.0


def joint_plan(
    wanted: Sequence[Wanted], *, alpha: float = 0.05, miss: float = 0.05, tokens_per_second: float | None = None
) -> Plan:
    """Return how many items every suite needs so that an unchanged model passes them all but for ``miss``.

    All m suites must pass, so each may miss only ``miss``/m: twelve tests at 80 % each would pass together 7 % of the
    time.
    """
    if not wanted:
        raise RuntimeError("a plan is about at least one suite")
    common = _Common(alpha=alpha, tests=len(wanted), miss=miss)
    rows = []
    for each in wanted:
        need = items_needed(each.margin, each.discordant, design_effect=each.design_effect, **common)
        rows.append(
            SuitePlan(
                name=each.name,
                margin=each.margin,
                have=each.items,
                need=need,
                reachable=margin_reachable(each.items, each.discordant, design_effect=each.design_effect, **common),
                tokens=math.ceil(need * each.tokens_per_item),
            )
        )
    seconds = None if tokens_per_second is None else sum(row.tokens for row in rows) / tokens_per_second
    return Plan(suites=tuple(rows), seconds=seconds)
