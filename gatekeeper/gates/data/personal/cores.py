"""Batches searched on all cores, answers in the order of the batches.

A few batches are read first: when that is all there is, they are searched here. Otherwise each core gets a process
that holds one batch at a time, so memory stays bounded whatever the size of the data. Where processes cannot be
started, or one ends early, this process searches what is missing: the answers are the same.
"""

import json
import os
import subprocess
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from itertools import chain, islice
from queue import SimpleQueue
from typing import IO, Generic, Protocol, TypeVar

from gatekeeper.gates.data.personal.kinds import PiiMatch
from gatekeeper.gates.data.personal.search import Found, Search, SearchOptions
from gatekeeper.gates.data.personal.worker import COMMAND, options_line

_PER_CORE = 2
"""Batches read ahead for each process."""


class HoldsTexts(Protocol):
    """A batch of rows."""

    @property
    def texts(self) -> Sequence[Sequence[str]]:
        """The fields of each row."""
        ...


B = TypeVar("B", bound=HoldsTexts)


def searched(
    batches: Iterable[B], options: SearchOptions, *, processes: int, worth: int
) -> Iterator[tuple[B, list[Found]]]:
    """Yield each batch with what it holds, in order.

    Args:
        batches: read as needed, never all at once.
        options: the same for every process.
        processes: at most so many; 0 stands for one a core, 1 for this one.
        worth: least number of batches that other processes are started for.
    """
    stream = iter(batches)
    search = Search(options)
    search.require()
    count = processes or len(os.sched_getaffinity(0))
    first = list(islice(stream, worth)) if count > 1 else []
    if len(first) < worth or count == 1:
        for batch in chain(first, stream):
            yield batch, search.batch(batch.texts)
        return
    pool: _Pool[B] = _Pool(options, count, search)
    with pool:
        yield from pool.map(chain(first, stream))


class _Process:
    """One worker."""

    def __init__(self, options: SearchOptions) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", COMMAND],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )
        self._send(json.dumps(sys.path))
        self._send(options_line(options))

    def _send(self, line: str) -> None:
        stream: IO[str] | None = self._process.stdin
        if stream is None:
            raise BrokenPipeError
        stream.write(line + "\n")
        stream.flush()

    def search(self, texts: Sequence[Sequence[str]]) -> list[Found]:
        """Return what the batch holds.

        Raises:
            OSError: the process has ended.
        """
        self._send(json.dumps(texts))
        answer = self._process.stdout.readline() if self._process.stdout else ""
        if not answer:
            raise BrokenPipeError
        return [
            (row, field, PiiMatch(type=type_, start=start, end=end, score=score))
            for row, field, start, end, type_, score in json.loads(answer)
        ]

    def end(self) -> None:
        """Stop it."""
        self._process.kill()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                try:
                    stream.close()
                except OSError:
                    continue
        self._process.wait()


class _Pool(Generic[B]):
    """Processes, and one thread each that waits for it."""

    def __init__(self, options: SearchOptions, count: int, here: Search) -> None:
        self._options, self._count, self._here = options, count, here
        self._idle: SimpleQueue[_Process | None] = SimpleQueue()
        self._stack = ExitStack()

    def __enter__(self) -> "_Pool[B]":
        for _ in range(self._count):
            try:
                process = _Process(self._options)
            except OSError:
                self._idle.put(None)
                continue
            self._stack.callback(process.end)
            self._idle.put(process)
        self._threads = self._stack.enter_context(ThreadPoolExecutor(self._count))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def map(self, batches: Iterable[B]) -> Iterator[tuple[B, list[Found]]]:
        """Yield batches with their answers, in order."""
        ahead: deque[tuple[B, Future[list[Found] | None]]] = deque()
        for batch in batches:
            ahead.append((batch, self._threads.submit(self._one, batch.texts)))
            if len(ahead) >= _PER_CORE * self._count:
                yield self._answer(*ahead.popleft())
        while ahead:
            yield self._answer(*ahead.popleft())

    def _answer(self, batch: B, future: "Future[list[Found] | None]") -> tuple[B, list[Found]]:
        found = future.result()
        return batch, self._here.batch(batch.texts) if found is None else found

    def _one(self, texts: Sequence[Sequence[str]]) -> list[Found] | None:
        """Return the answer of an idle process, or ``None`` when it has ended."""
        process = self._idle.get()
        found: list[Found] | None = None
        try:
            found = process.search(texts) if process is not None else None
        except (OSError, ValueError):
            process = None
        finally:
            self._idle.put(process)
        return found
