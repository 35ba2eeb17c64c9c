"""Counts and shares of rows as metrics: a count is exact, a share carries Wilson bounds.

The rows are read as a sample of what the same source will send next; the bounds say how well so many rows fix the
share. Each bound is one-sided at :data:`CONFIDENCE`.
"""

import math
from statistics import NormalDist

from gatekeeper.core.findings import Metric

CONFIDENCE = 0.95
"""Level of each one-sided bound."""


def count(name: str, value: float, *, n: int, unit: str = "rows") -> Metric:
    """Return an exact count over ``n`` rows."""
    return Metric(name=name, value=float(value), unit=unit, n=n)


def wilson(successes: int, n: int, *, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Return the one-sided Wilson score bounds of a proportion.

    Args:
        successes: 0 to ``n``.
        n: at least 1.
        confidence: level of each bound.

    Source:
        Wilson 1927; Brown, Cai and DasGupta 2001, "Interval estimation for a binomial proportion", eq. 4.
    """
    z = NormalDist().inv_cdf(confidence)
    share = successes / n
    centre = share + z * z / (2 * n)
    spread = z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    scale = 1 + z * z / n
    low = 0.0 if successes == 0 else max(0.0, (centre - spread) / scale)
    high = 1.0 if successes == n else min(1.0, (centre + spread) / scale)
    return low, high


def share(name: str, successes: int, *, n: int) -> Metric:
    """Return a share of ``n`` rows with its Wilson bounds; ``n`` is at least 1."""
    low, high = wilson(successes, n)
    return Metric(
        name=name,
        value=successes / n,
        unit="share",
        n=n,
        low=low,
        high=high,
        confidence=CONFIDENCE,
        method="Wilson",
    )
