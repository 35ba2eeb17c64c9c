"""A thread that waits for something other than the processor says so, and whoever shares the processor goes on.

Threads of one Python process take turns at computing in any case. Where many are ready, each hands over at every
statement to the database and gets its turn back by a detour through the operating system, which took 40 % of the
processor time of a busy service. Who orders threads better than that gives each a :class:`Turn` (:func:`take`); what
waits inside, deep below, says so with :func:`waiting` and has to know nobody.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, Protocol


class Turn(Protocol):
    """What a thread computes in."""

    def enter(self) -> None:
        """Return when the thread may compute."""

    def leave(self) -> None:
        """Let another thread compute."""


class _Held(threading.local):
    turn: Turn | None = None


_HELD: Final = _Held()


def take(turn: Turn) -> None:
    """Say what this thread computes in, for as long as it lives; it has the turn now."""
    _HELD.turn = turn


@contextmanager
def waiting() -> Iterator[None]:
    """Give the thread's turn away while the block waits, and take another one after it; nothing without a turn."""
    turn = _HELD.turn
    if turn is None:
        yield
        return
    turn.leave()
    try:
        yield
    finally:
        turn.enter()
