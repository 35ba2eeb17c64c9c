"""How numbers are written in reports: proportions as points or per cent, everything else as it is."""

import math

_MINUS = "\N{MINUS SIGN}"
SHARES = frozenset({"share", "points", "proportion"})
"""Units whose numbers are proportions."""


def is_change(metric: str) -> bool:
    """Return whether a metric is a difference between two models, so that 0 means no change."""
    return "delta" in metric


def scale(metric: str, unit: str) -> tuple[float, str]:
    """Return the factor by which a metric's numbers are shown, and the name of the unit then."""
    if unit in SHARES:
        return 100.0, "points" if is_change(metric) else "%"
    return 1.0, unit


def write(value: float | None, *, metric: str = "", unit: str = "") -> str:
    """Return a metric's number without its unit; differences carry their sign."""
    if value is None:
        return "–"
    if not math.isfinite(value):
        return "not a number"
    factor, shown_unit = scale(metric, unit)
    return signed(value * factor, digits=_digits(value * factor, shown_unit), plus=is_change(metric))


def signed(value: float, *, digits: int, plus: bool = False) -> str:
    """Return ``value`` with a true minus sign; ``plus`` adds the sign of a gain."""
    magnitude = f"{abs(value):,.{digits}f}"
    if not magnitude.strip("0.,"):
        return magnitude
    return f"{_MINUS if value < 0 else '+' if plus else ''}{magnitude}"


def _digits(value: float, unit: str) -> int:
    if unit in {"points", "%"}:
        return 1
    if value == round(value):
        return 0
    return 3 if abs(value) < 10 else 1
