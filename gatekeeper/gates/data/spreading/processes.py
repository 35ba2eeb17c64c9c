"""Chunks shared by several processes of this machine; each reads its rows from the file by itself.

Answers come back in the order of the chunks, and few chunks are ahead, so memory stays bounded whatever the size of
the data. Rows of a format without ranges are written once to a temporary file that has them. Where a process ends
early another takes its chunk, a few times; then the work ends with an error.
"""

import json
import mmap
import os
import struct
import subprocess
import sys
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from queue import SimpleQueue
from tempfile import NamedTemporaryFile, TemporaryFile
from threading import Lock
from typing import IO, Self

from gatekeeper.core.errors import InputError
from gatekeeper.core.row_work import Buffer, ChunkWork, RangedRows, RowExecutor, RowRange, RowTask
from gatekeeper.core.rows import RowSource
from gatekeeper.gates.data.spreading.chunk_work import (
    answer,
    range_from_line,
    range_line,
    result_of,
    task_line,
    work_from_line,
    work_of,
)
from gatekeeper.gates.data.spreading.here import over
from gatekeeper.intake.ranges import ROWS, line_ranges
from gatekeeper.intake.row_spool import line_of_row

_PER_PROCESS = 2
"""Chunks ahead for each process."""
_TRIES = 3
"""Processes that a chunk is given to before it is given up."""
_SIZE = struct.Struct("<q")
COMMAND = (
    "import json, sys; sys.path[:] = json.loads(sys.stdin.buffer.readline()); "
    "from gatekeeper.gates.data.spreading.processes import serve; serve()"
)
"""What a process runs: its first line of input says where modules lie."""


class LocalProcesses(RowExecutor):
    """Works in processes of this machine where rows repay their start, else in this one."""

    def __init__(self, count: int = 0) -> None:
        """Use at most so many processes; 0 stands for one a core, 1 for this one."""
        self._count = count or cores()

    def map(self, rows: RowSource, task: RowTask, folder: Path) -> Iterator[bytes]:
        """Yield what the task gives for each chunk, in order.

        Raises:
            InputError: a row cannot be read, or processes ended early again and again.
        """
        if self._count == 1:
            yield from over(rows, task)
            return
        with ranges_for(rows, task, folder) as found:
            if isinstance(found, Few):
                yield from over(found.rows, task)
                return
            with _Pool(task, min(self._count, len(found)), folder) as pool:
                yield from pool.map(found)


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Few:
    """Rows that do not repay processes."""

    def __init__(self, rows: RowSource) -> None:
        self.rows = rows


@contextmanager
def ranges_for(
    rows: RowSource, task: RowTask, folder: Path, *, always: bool = False
) -> Iterator[Sequence[RowRange] | Few]:
    """Give the chunks of the rows as ranges of a file, or the rows themselves where they are few.

    Args:
        rows: what is read.
        task: says how long a chunk is, and how many repay processes.
        folder: where rows without ranges are written to for as long as the block lasts.
        always: give ranges, also of few rows.
    """
    least = 1 if always else task.worth
    found = rows.ranges(task.rows) if isinstance(rows, RangedRows) else None
    if found is not None:
        yield found if len(found) >= least else Few(rows)
        return
    fewest = (least - 1) * task.rows + 1
    if not always and sum(1 for _ in islice(rows, fewest)) < fewest:
        yield Few(rows)
        return
    with NamedTemporaryFile("w", dir=folder, prefix="rows-", suffix=".jsonl", encoding="ascii") as spool:
        spool.writelines(map(line_of_row, rows))
        spool.flush()
        yield tuple(line_ranges(Path(spool.name), ROWS, task.rows))


class _Process:
    """One worker."""

    def __init__(self, task: RowTask, shared: Sequence[IO[bytes]]) -> None:
        descriptors = [file.fileno() for file in shared]
        self._process = subprocess.Popen(
            [sys.executable, "-c", COMMAND],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=descriptors,
            # An interrupt reaches this process, which stops its workers.
            start_new_session=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )
        self._greeting = [json.dumps(sys.path), json.dumps(task.unneeded), json.dumps(descriptors), task_line(task)]

    def _send(self, line: str) -> None:
        stream = self._process.stdin
        if stream is None:
            raise BrokenPipeError
        stream.write(line.encode() + b"\n")
        stream.flush()

    def ask(self, place: RowRange) -> bytes:
        """Return the answer for a range.

        Raises:
            OSError, EOFError: the process has ended.
        """
        while self._greeting:
            self._send(self._greeting.pop(0))
        self._send(range_line(place))
        stream = self._process.stdout
        if stream is None:
            raise BrokenPipeError
        return _exactly(stream, *_SIZE.unpack(_exactly(stream, _SIZE.size)))

    def end(self) -> None:
        """Stop it."""
        self._process.kill()
        self._process.wait()

    def close(self) -> None:
        """Close its pipes, once no thread uses them."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                try:
                    stream.close()
                except OSError:
                    continue


def _exactly(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError
    return data


class _Pool:
    """Processes, and one thread each that waits for it."""

    def __init__(self, task: RowTask, count: int, folder: Path) -> None:
        self._task, self._count, self._folder = task, count, folder
        self._idle: SimpleQueue[_Process | None] = SimpleQueue()
        self._started: list[_Process] = []
        self._files = ExitStack()
        self._shared: list[IO[bytes]] = []
        self._alone = Lock()
        self._own: ChunkWork | None = None

    def __enter__(self) -> Self:
        try:
            for data in self._task.shared:
                file = self._files.enter_context(TemporaryFile(dir=self._folder, prefix="shared-"))
                file.write(data)
                file.flush()
                self._shared.append(file)
            self._threads = ThreadPoolExecutor(self._count)
        except BaseException:
            self._files.close()
            raise
        for _ in range(self._count):
            self._idle.put(None)
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the processes first, so that no thread waits for one."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for process in self._started:
            process.end()
        self._threads.shutdown()
        for process in self._started:
            process.end()
            process.close()
        self._files.close()

    def map(self, places: Sequence[RowRange]) -> Iterator[bytes]:
        """Yield the results of ranges, in order."""
        ahead: deque[Future[bytes]] = deque()
        for place in places:
            ahead.append(self._threads.submit(self._one, place))
            if len(ahead) >= _PER_PROCESS * self._count:
                yield result_of(ahead.popleft().result())
        while ahead:
            yield result_of(ahead.popleft().result())

    def _one(self, place: RowRange) -> bytes:
        """Return the answer of an idle process, or of a new one where that has ended."""
        process = self._idle.get()
        try:
            for _ in range(_TRIES):
                if process is None:
                    try:
                        process = _Process(self._task, self._shared)
                    except OSError:
                        return self._here(place)
                    self._started.append(process)
                try:
                    return process.ask(place)
                except (OSError, EOFError):
                    process.end()
                    process = None
        finally:
            self._idle.put(process)
        raise InputError(
            f"{_TRIES} processes that worked on rows {place.first} to {place.first + place.rows - 1} ended before "
            "their work was done.",
            hint="Often memory ran out: free some, or set the gate's parameter processes to 1.",
        )

    def _here(self, place: RowRange) -> bytes:
        """Return the answer of this process, where no other can be started."""
        with self._alone:
            if self._own is None:
                self._own = work_of(self._task.function, self._task.settings, self._task.shared)
            return answer(self._own, place)


def serve() -> None:
    """Answer each range on standard input until it ends."""
    lines, answers = sys.stdin.buffer, sys.stdout.buffer
    sys.stdout = sys.stderr
    for module in json.loads(lines.readline()):
        sys.modules[module] = None  # type: ignore[assignment]  # makes the import fail
    shared: list[Buffer] = []
    for descriptor in json.loads(lines.readline()):
        empty = os.fstat(descriptor).st_size == 0
        shared.append(b"" if empty else memoryview(mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ)))
    work = work_from_line(lines.readline().decode(), shared)
    for line in lines:
        said = answer(work, range_from_line(line.decode()))
        answers.write(_SIZE.pack(len(said)) + said)
        answers.flush()
