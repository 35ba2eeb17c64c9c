"""Turns that processes of one machine take at changing one thing: a byte of a file is locked for each thing.

The locks belong to a process, so threads of one process order themselves before they come here, and the file stays
open for as long as the process lives. The operating system drops them with the process.
"""

import fcntl
import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from gatekeeper.core.waiting import waiting

_MOST: Final = (1 << 62) - 1


class BetweenProcesses:
    """The turns of everything that is changed behind one installation."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._descriptor: int | None = None
        self._guard = threading.Lock()

    @contextmanager
    def turn(self, subject: str) -> Iterator[None]:
        """Wait until no other process changes the thing, and keep them out until the block has ended."""
        descriptor, place = self._opened(), _place(subject)
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
        except OSError:
            with waiting():
                fcntl.lockf(descriptor, fcntl.LOCK_EX, 1, place)
        try:
            yield
        finally:
            fcntl.lockf(descriptor, fcntl.LOCK_UN, 1, place)

    @contextmanager
    def if_free(self, subject: str) -> Iterator[bool]:
        """Give whether no other process changes the thing; if so, keep them out until the block has ended."""
        descriptor, place = self._opened(), _place(subject)
        try:
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
        except OSError:
            yield False
            return
        try:
            yield True
        finally:
            fcntl.lockf(descriptor, fcntl.LOCK_UN, 1, place)

    def _opened(self) -> int:
        with self._guard:
            if self._descriptor is None:
                self._file.parent.mkdir(parents=True, exist_ok=True)
                self._descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            return self._descriptor


def _place(subject: str) -> int:
    """Return which byte of the file stands for a thing."""
    return int.from_bytes(hashlib.sha256(subject.encode()).digest()[:8]) & _MOST
