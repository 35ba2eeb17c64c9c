"""Writers of one SQLite file take turns, in the order in which they came, in this process and between processes.

SQLite itself lets one writer in at a time, but whoever finds it busy sleeps, up to a tenth of a second, and tries
again: with several writers most of the time passes asleep, and nobody comes in turn. So writers line up before they
begin. Threads of one process stand in a line; the first of each line then takes two locks of the operating system,
the door and the room. Whoever has the door is the next for the room and lets the door go once inside, so that no
process takes two turns while another one waits.

The locks only order writers. That one writes at a time is still SQLite's doing: a program that writes past them waits
as it always did. The operating system drops them with the process, whichever way that ends.
"""

import fcntl
import os
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

_DOOR: Final = "-door"
_ROOM: Final = "-room"
"""What is added to the database's name."""
_FIRST_SLEEP: Final = 0.00005
_LONGEST_SLEEP: Final = 0.002
"""In seconds: how often the next one looks whether the room is free, ever more rarely. At most one process does."""


class WaitedTooLong(Exception):
    """The turn did not come in time."""


class WritersTurns:
    """The line of those who write one database file."""

    def __init__(self, database: Path, *, patience: float) -> None:
        """Remember where the locks lie: beside the database, in two empty files.

        Args:
            database: its file.
            patience: longest wait in seconds.
        """
        self._database = database
        self._patience = patience
        self._line: deque[threading.Event] = deque()
        self._guard = threading.Lock()
        self._taken = False
        self._open: dict[str, int] = {}

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for the turn, and hold it until the block has ended.

        Raises:
            WaitedTooLong: it did not come.
        """
        ends = time.monotonic() + self._patience
        self._stand_in_line(ends)
        try:
            self._enter(ends)
            try:
                yield
            finally:
                self._lock(_ROOM, fcntl.LOCK_UN)
        finally:
            self._call_next()

    def close(self) -> None:
        """Give the files of the locks back."""
        with self._guard:
            for descriptor in self._open.values():
                os.close(descriptor)
            self._open.clear()

    def _stand_in_line(self, ends: float) -> None:
        with self._guard:
            if not self._taken:
                self._taken = True
                return
            called = threading.Event()
            self._line.append(called)
        try:
            if called.wait(max(0.0, ends - time.monotonic())):
                return
        except BaseException:
            if not self._left(called):
                self._call_next()
            raise
        if self._left(called):
            raise WaitedTooLong
        # It was called between the end of its patience and now: the turn is its own.

    def _left(self, called: threading.Event) -> bool:
        """Leave the line; return whether nobody had called."""
        with self._guard, suppress(ValueError):
            self._line.remove(called)
            return True
        return False

    def _call_next(self) -> None:
        with self._guard:
            if self._line:
                self._line.popleft().set()
            else:
                self._taken = False

    def _enter(self, ends: float) -> None:
        """Wait for the door, then for the room behind it."""
        self._wait_for(_DOOR, ends)
        try:
            self._wait_for(_ROOM, ends)
        finally:
            self._lock(_DOOR, fcntl.LOCK_UN)

    def _wait_for(self, place: str, ends: float) -> None:
        begun = time.monotonic()
        while not self._lock(place, fcntl.LOCK_EX | fcntl.LOCK_NB):
            waited = time.monotonic() - begun
            if begun + waited > ends:
                raise WaitedTooLong
            time.sleep(min(max(_FIRST_SLEEP, waited / 20), _LONGEST_SLEEP))

    def _lock(self, place: str, how: int) -> bool:
        """Take a lock or let it go; return whether that could be done now.

        A folder in which no file can be made, or a file system without locks, keeps nobody from writing.
        """
        try:
            if place not in self._open:
                name = f"{self._database}{place}"
                self._open[place] = os.open(name, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._open[place], how)
        except BlockingIOError:
            return False
        except OSError:
            return True
        return True
