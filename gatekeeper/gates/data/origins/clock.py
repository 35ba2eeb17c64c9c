"""When contributors came, bout by bout, and what their times show."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from gatekeeper.gates.data.origins.bursts import Burst, Times, bouts, bursts, together_p, usable_windows

_MINUTE = 60.0


class Clock:
    """When contributors came, bout by bout."""

    def __init__(self, times: Times, persons: npt.NDArray[np.intp], windows: Sequence[float]) -> None:
        """Find the bouts.

        Args:
            times: of each row, in seconds, NaN without.
            persons: who gave each row.
            windows: widths in seconds; those that the times cannot show are left out.
        """
        self._times, self._persons = times, persons
        self.bouts = bouts(self._times, self._persons)
        timed = np.flatnonzero(self.bouts >= 0)
        self._starts = np.full(self.bouts.max(initial=-1) + 1, np.inf)
        np.minimum.at(self._starts, self.bouts[timed], self._times[timed])
        self._givers = np.zeros(len(self._starts), dtype=np.intp)
        self._givers[self.bouts[timed]] = self._persons[timed]
        self._windows = usable_windows(self._times[timed], windows)

    def together_p(self, places: Sequence[int]) -> float:
        """Return how surprising the times of these rows' bouts are; 1 without times."""
        chosen = np.unique(self.bouts[list(places)])
        return together_p(self._starts[chosen[chosen >= 0]], self._starts, self._windows)

    def bursts(self, *, level: float, least: int) -> list[Burst] | None:
        """Return the rows of contributors who began together; ``None`` where the times cannot show it."""
        if len(self._starts) < least or not self._windows:
            return None
        found = bursts(self._starts, self._windows, level=level, least=least)
        return [
            Burst(
                members=tuple(np.flatnonzero(np.isin(self.bouts, one.members)).tolist()),
                seconds=one.seconds,
                expected=one.expected,
                p=one.p,
            )
            for one in found
            if len(set(self._givers[list(one.members)].tolist())) >= least
        ]

    def busiest_minute(self) -> int:
        """Return the most rows that one contributor gave within a minute."""
        most = 0
        order = np.lexsort((self._times, self._persons))
        order = order[self.bouts[order] >= 0]
        for mine in np.split(self._times[order], np.flatnonzero(np.diff(self._persons[order])) + 1):
            inside = np.searchsorted(mine, mine + _MINUTE, side="left") - np.arange(len(mine))
            most = max(most, int(inside.max(initial=0)))
        return most
