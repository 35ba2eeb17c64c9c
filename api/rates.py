"""How often somebody may call: moving windows of a minute, kept in this process."""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

from api.problems import Problem
from api.settings import ServiceSettings

_MINUTE: Final = 60.0


class Window:
    """Counts what each key did within the last minute, and lets it do no more than so much."""

    def __init__(self, most: int, *, now: Callable[[], float] = time.monotonic) -> None:
        """Begin to count.

        Args:
            most: of one key, within any minute.
            now: a clock in seconds that never goes back.
        """
        self._most, self._now = most, now
        self._done: dict[str, deque[float]] = {}
        self._lock = threading.Lock()
        self._swept = now()

    def hit(self, key: str) -> bool:
        """Count once more, unless that would be too often; return whether it was counted."""
        with self._lock:
            moment = self._now()
            if not self._room(key, moment):
                return False
            self._done.setdefault(key, deque()).append(moment)
            return True

    def test(self, key: str) -> bool:
        """Return whether there is room for once more."""
        with self._lock:
            return self._room(key, self._now())

    def _room(self, key: str, moment: float) -> bool:
        if moment - self._swept >= _MINUTE:
            self._swept = moment
            for each in list(self._done):
                self._forget(each, moment)
        self._forget(key, moment)
        return len(self._done.get(key, ())) < self._most

    def _forget(self, key: str, moment: float) -> None:
        """Drop what a key did more than a minute ago, and the key with the last of it."""
        done = self._done.get(key)
        while done and moment - done[0] >= _MINUTE:
            done.popleft()
        if done is not None and not done:
            del self._done[key]


class Rates:
    """Counts calls by token, and failures by address."""

    def __init__(self, settings: ServiceSettings) -> None:
        self._reads = Window(settings.reads_per_minute)
        self._writes = Window(settings.writes_per_minute)
        self._failures = Window(settings.failures_per_minute)

    def called(self, token: str, *, writes: bool) -> None:
        """Count one call with a token.

        Raises:
            Problem: there were too many within the last minute.
        """
        if not (self._writes if writes else self._reads).hit(token):
            raise _too_many("This token was used too often within a minute.")

    def failed(self, address: str) -> None:
        """Count one call without a token that counts.

        Raises:
            Problem: there were too many from this address within the last minute.
        """
        if not self._failures.hit(address):
            raise _too_many("Too many calls from this address carried no token that counts.")

    def require_patience(self, address: str) -> None:
        """Return when one more failure of an address may be looked at.

        Raises:
            Problem: there were too many within the last minute.
        """
        if not self._failures.test(address):
            raise _too_many("Too many calls from this address carried no token that counts.")


def _too_many(detail: str) -> Problem:
    return Problem("too-many", detail, hint="Wait a minute.", headers={"Retry-After": "60"})
