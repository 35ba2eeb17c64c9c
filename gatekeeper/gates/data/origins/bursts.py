"""Whether many contributors came within a short time: scan statistics, each under a stated null.

People give rows in bouts, one after the other for a while, so rows do not come independently and bouts do: a bout is
one event, at the time of its first row.

*All bouts*: the null is that the bouts of a stretch of :data:`BLOCK` windows begin uniformly in it. Comparing with the
surroundings, not with the whole time, lets busy hours be busy. A burst also holds :data:`EXCESS` times as many bouts
as that null expects of it.

*A chosen few* (bouts with one text): the null is that their times are drawn from those of all bouts, so whatever makes
all bouts come in waves makes these.

Source:
    Wallenstein and Neff 1987, "An approximation for the distribution of the scan statistic"; Glaz, Naus and
    Wallenstein 2001, "Scan statistics".
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Times = npt.NDArray[np.float64]
BLOCK = 24
"""Windows of the stretch that a window is compared with."""
EXCESS = 3.0
PAUSE = 1800.0
"""Seconds without a row of a contributor after which a new bout begins."""
_RESOLUTIONS = (86400.0, 3600.0, 60.0, 1.0)
_COARSE = 0.99
"""Share of times that are multiples of a resolution, from which the times are taken to have it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Burst:
    """Events that came together."""

    members: tuple[int, ...]
    """Positions in the sequence of times."""
    seconds: float
    """From the first to the last of them."""
    expected: float
    """Events that the null expects in such a window."""
    p: float
    """Probability, under the null, of any window of the stretch with so many, times the stretches and widths."""


def resolution(times: Times) -> float:
    """Return the coarsest unit, in seconds, that nearly all times are multiples of; 0 for finer than a second."""
    return next((unit for unit in _RESOLUTIONS if np.mean(times % unit == 0) >= _COARSE), 0.0)


def usable_windows(times: Times, windows: Sequence[float]) -> tuple[float, ...]:
    """Return the windows, in seconds, that these times can show: twice the resolution, and far below the span."""
    if len(times) == 0:
        return ()
    span, unit = float(times.max() - times.min()), resolution(times)
    return tuple(window for window in windows if window >= 2 * unit and span >= BLOCK * window)


def scan_p(k: int, n: int, w: float) -> float:
    """Return P(some window of length ``w`` holds ``k`` or more of ``n`` uniform points on [0, 1]), at most 1.

    Args:
        k: at least 2; the approximation is good where the answer is below 0.1.
        n: at least ``k``.
        w: below 0.5.

    Source:
        Wallenstein and Neff 1987: (k/w − n − 1)·P(X = k) + 2·P(X ≥ k) with X binomial in n and w.
    """
    from scipy.stats import binom

    point, tail = float(binom.pmf(k, n, w)), float(binom.sf(k - 1, n, w))
    return min(1.0, max(0.0, (k / w - n - 1) * point + 2 * tail))


def bouts(times: Times, people: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """Return the number of each row's bout, −1 where it carries no time; bouts are counted from 0.

    Args:
        times: in seconds, NaN without.
        people: who gave each row.
    """
    numbers = np.full(len(times), -1, dtype=np.intp)
    order = np.lexsort((times, people))
    order = order[~np.isnan(times[order])]
    if len(order):
        new = (np.diff(people[order]) != 0) | (np.diff(times[order]) > PAUSE)
        numbers[order] = np.concatenate(([0], np.cumsum(new)))
    return numbers


def bursts(times: Times, windows: Sequence[float], *, level: float, least: int) -> list[Burst]:
    """Return where too many of all events came together, by time; windows that overlap are one burst.

    Args:
        times: in seconds, in any order.
        windows: widths in seconds, as :func:`usable_windows` gives them.
        level: probability, under the null, that anything is returned.
        least: fewest events of a burst.
    """
    order = np.argsort(times, kind="stable")
    ordered = times[order]
    found: list[tuple[int, int, float, float]] = []
    for window in windows:
        tests = len(windows) * max(1.0, float(ordered[-1] - ordered[0]) / (BLOCK * window / 2))
        ends = np.searchsorted(ordered, ordered + window, side="right")
        middle = ordered + window / 2
        before = np.searchsorted(ordered, middle - BLOCK * window / 2, side="left")
        after = np.searchsorted(ordered, middle + BLOCK * window / 2, side="right")
        inside, around = ends - np.arange(len(ordered)), after - before
        expected = around / BLOCK
        for at in np.flatnonzero((inside >= least) & (inside >= EXCESS * expected)):
            p = min(1.0, scan_p(int(inside[at]), int(around[at]), 1 / BLOCK) * tests)
            if p <= level:
                found.append((int(at), int(ends[at]), float(expected[at]), p))
    return [_burst(group, order, ordered) for group in _overlapping(found)]


def _overlapping(found: Sequence[tuple[int, int, float, float]]) -> list[list[tuple[int, int, float, float]]]:
    groups: list[list[tuple[int, int, float, float]]] = []
    reach = -1
    for one in sorted(found):
        if one[0] < reach:
            groups[-1].append(one)
        else:
            groups.append([one])
        reach = max(reach, one[1])
    return groups


def _burst(group: Sequence[tuple[int, int, float, float]], order: npt.NDArray[np.intp], ordered: Times) -> Burst:
    """Return one burst of overlapping windows: the events of them all, the numbers of the most surprising."""
    first, last = min(one[0] for one in group), max(one[1] for one in group)
    surest = min(group, key=lambda one: one[3])
    return Burst(
        members=tuple(sorted(int(place) for place in order[first:last])),
        seconds=float(ordered[last - 1] - ordered[first]),
        expected=surest[2],
        p=surest[3],
    )


def together_p(chosen: Times, everything: Times, windows: Sequence[float]) -> float:
    """Return how surprising the densest window of chosen events is, under the null of the module's second kind.

    For each of them, the window that begins with it; the rest fall into it with the share of all events that it
    holds. The least binomial tail, times the number of windows tried (Bonferroni), at most 1.
    """
    from scipy.stats import binom

    n = len(chosen)
    if n < 2 or not windows:
        return 1.0
    chosen, everything = np.sort(chosen), np.sort(everything)
    least = 1.0
    for window in windows:
        inside = np.searchsorted(chosen, chosen + window, side="right") - np.arange(n) - 1
        held = np.searchsorted(everything, chosen + window, side="right") - np.searchsorted(everything, chosen)
        tails = binom.sf(inside - 1, n - 1, held / len(everything))
        least = min(least, float(tails.min()))
    return min(1.0, least * n * len(windows))
