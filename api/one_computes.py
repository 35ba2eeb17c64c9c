"""Threads of which one computes at a time, and none keeps the others waiting.

Where the database is a file, a request computes nearly all of its time, and several that compute at once in one Python
process only get into each other's way (:mod:`gatekeeper.core.waiting`). So one thread does one piece of work after the
other, while the rest stand in line. A thread that waits for something else says so, and another one goes on with what
stands in line; one that does not say so, or computes for long, loses its turn after a moment, and goes on beside the
others.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from typing import Any, Final, ParamSpec, TypeVar

from gatekeeper.core.waiting import take

P = ParamSpec("P")
T = TypeVar("T")

PATIENCE: Final = 0.05
"""Seconds after which a thread that computes no longer keeps the others waiting."""


@dataclass(eq=False, slots=True)
class _Thread:
    """One thread, with what wakes it."""

    line: "OneComputes"
    called: threading.Lock = field(default_factory=threading.Lock)

    def enter(self) -> None:
        """Compute again after a wait."""
        self.line.enter(self)

    def leave(self) -> None:
        """Let another thread compute."""
        self.line.leave(self)


class OneComputes(Executor):
    """The line of what is to be done, and the threads that do it."""

    def __init__(self, most: int, *, patience: float = PATIENCE) -> None:
        """Start nothing yet.

        Args:
            most: threads; all but one of them wait or have lost their turn.
            patience: seconds that a thread may compute while others wait for it.
        """
        self._most = most
        self._patience = patience
        self._guard = threading.Lock()
        self._line: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._returning: deque[_Thread] = deque()
        self._idle: list[_Thread] = []
        self._threads = 0
        self._computes: _Thread | None = None
        self._since = 0.0
        self._watched = False
        self._watchman: threading.Semaphore | None = None

    def submit(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Put work into the line and return what its result will be."""
        future: Future[T] = Future()
        with self._guard:
            self._line.append((future, lambda: fn(*args, **kwargs)))
            if self._computes is None:
                self._call_next()
            if self._line and not self._watched:
                self._watched = True
                self._watch()
        return future

    def enter(self, thread: _Thread) -> None:
        """Return when a thread that waited may compute: nobody else does, or whoever does takes too long."""
        with self._guard:
            if self._computes is None:
                self._give(thread)
                return
            self._returning.append(thread)
        while not thread.called.acquire(timeout=self._patience):
            with self._guard:
                if thread.called.acquire(blocking=False):
                    return  # called just now
                if self._returning[0] is thread and self._is_late():
                    self._returning.popleft()
                    self._give(thread)
                    return

    def leave(self, thread: _Thread) -> None:
        """Call the next one, unless the thread has lost its turn."""
        with self._guard:
            if self._computes is thread:
                self._computes = None
                self._call_next()

    def _watch(self) -> None:
        """Let a thread of its own see to it that nobody in the line waits for one that takes too long."""
        if self._watchman is None:
            self._watchman = threading.Semaphore(0)
            threading.Thread(
                target=self._look, args=(self._watchman,), name="gatekeeper-api-watch", daemon=True
            ).start()
        self._watchman.release()

    def _look(self, called: threading.Semaphore) -> None:
        while called.acquire():
            watched = True
            while watched:
                time.sleep(self._patience)
                with self._guard:
                    if self._line and (self._computes is None or self._is_late()):
                        self._computes = None
                        self._call_next()
                    watched = self._watched = bool(self._line)

    def _is_late(self) -> bool:
        return time.monotonic() - self._since >= self._patience

    def _give(self, thread: _Thread) -> None:
        self._computes, self._since = thread, time.monotonic()

    def _call_next(self) -> None:
        """Let somebody compute, those first who had begun; the guard is held, and nobody computes."""
        if self._returning:
            thread = self._returning.popleft()
            self._give(thread)
            thread.called.release()
        elif self._line and self._idle:
            thread = self._idle.pop()
            self._give(thread)
            thread.called.release()
        elif self._line and self._threads < self._most:
            self._threads += 1
            thread = _Thread(self)
            thread.called.acquire()
            self._give(thread)
            threading.Thread(
                target=self._work, args=(thread,), name=f"gatekeeper-api-{self._threads}", daemon=True
            ).start()

    def _work(self, thread: _Thread) -> None:
        take(thread)
        while True:
            task = self._next(thread)
            if task is None:
                thread.called.acquire()
                continue
            future, work = task
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = work()
            except BaseException as error:  # noqa: BLE001  # it is raised where the result is asked for
                future.set_exception(error)
            else:
                future.set_result(result)
            del task, future, work

    def _next(self, thread: _Thread) -> tuple[Future[Any], Callable[[], Any]] | None:
        """Return what the thread does next; ``None`` when it is not its turn, and it waits to be called."""
        with self._guard:
            if self._computes is thread:
                if self._line and not self._returning:
                    self._since = time.monotonic()
                    return self._line.popleft()
                self._computes = None
                self._idle.append(thread)
                self._call_next()
            else:
                self._idle.append(thread)
                if self._computes is None:
                    self._call_next()
            return None
