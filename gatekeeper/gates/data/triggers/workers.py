"""The passes shared by several processes; batches go out as they are read and answers come back in their order.

Each process holds one batch at a time and few are read ahead, so memory stays bounded whatever the size of the data.
When a process ends early its counts are lost, so the whole run ends with an error; an interrupt stops all of them.
"""

import json
import os
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from queue import SimpleQueue
from tempfile import TemporaryFile
from types import TracebackType
from typing import Any, Self

from gatekeeper.core.errors import InputError
from gatekeeper.gates.data.triggers.frames import Array, receive, send
from gatekeeper.gates.data.triggers.history import Past
from gatekeeper.gates.data.triggers.insertion import Insertions
from gatekeeper.gates.data.triggers.phrase_rows import PhrasesInBatch, Wanted
from gatekeeper.gates.data.triggers.prompt_phrases import RunCounts
from gatekeeper.gates.data.triggers.response_traits import Responses
from gatekeeper.gates.data.triggers.token_batches import RawTexts, TokenBatches
from gatekeeper.gates.data.triggers.worker import COMMAND, responses_from, texts_as_arrays

_PER_PROCESS = 2
"""Batches read ahead for each process."""
Reply = tuple[Any, list[Array]]
Ask = Callable[["_Process"], Reply]


class SharedPasses:
    """The passes of ``passes.Passes`` over several processes."""

    def __init__(self, batches: TokenBatches, texts: Iterable[RawTexts], past: Past | None, processes: int) -> None:
        """Take the rows' texts; ``batches`` yields their tokens from the first pass on."""
        self.counts = RunCounts(past=past)
        self._batches, self._texts, self._count = batches, texts, processes
        self._spool = batches.new_spool()
        self._processes: list[_Process] = []
        self._idle: SimpleQueue[_Process] = SimpleQueue()
        self._threads = ThreadPoolExecutor(processes)

    def __enter__(self) -> Self:
        """Start the processes."""
        self._cells = TemporaryFile(dir=self._batches.folder, prefix="counts-")
        try:
            for _ in range(self._count):
                self._processes.append(_Process(self._spool.descriptor, self._cells.fileno()))
                self._idle.put(self._processes[-1])
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop them: first the processes, so that no thread waits for one."""
        for process in self._processes:
            process.end()
        self._threads.shutdown(cancel_futures=True)
        for process in self._processes:
            process.close()
        self._cells.close()

    def first(self) -> Iterator[Responses]:
        """Read the rows and count; yield what responses show."""
        self._batches.keep(self._spool)
        for _, (packed, *facts) in self._map(self._reading()):
            self._spool.add_packed(packed.tobytes())
            yield responses_from(facts)
        for process in self._processes:
            head, (cells,) = process.ask({"do": "counts"})
            self.counts.include(cells, head["rows"])
        self._cells.write(self.counts.cells.tobytes())
        self._cells.flush()
        past = self.counts.past
        sketch = () if past is None else (past.as_array(),)
        head = {"do": "share", "rows": self.counts.rows, "past_rows": 0 if past is None else past.rows}
        for process in self._processes:
            process.ask(head, sketch)

    def _reading(self) -> Iterator[Ask]:
        first = 0
        for texts in self._texts:
            yield partial(_read, first=first, texts=texts)
            first += len(texts)

    def second(self, least: int) -> Iterator[Insertions]:
        """Yield how the phrases that at least ``least`` prompts hold stand."""
        for _, (keys, sums) in self._map(self._each({"do": "second", "least": least})):
            yield Insertions(keys=keys, sums=sums)

    def third(self, wanted: Wanted) -> Iterator[PhrasesInBatch]:
        """Yield rows and surroundings of the chosen phrases."""
        for process in self._processes:
            process.ask({"do": "want", "least": wanted.least}, (wanted.chosen, wanted.common))
        for texts, (at, rows, held, around, quarters) in self._map(self._each({"do": "third"})):
            yield PhrasesInBatch(at=at, rows=rows, held=held, around=around, quarters=quarters, texts=tuple(texts))

    def _each(self, head: Mapping[str, object]) -> Iterator[Ask]:
        for place in self._spool.places:
            yield partial(_Process.ask, head={**head, "place": place})

    def _map(self, asks: Iterable[Ask]) -> Iterator[Reply]:
        ahead: deque[Future[Reply]] = deque()
        for ask in asks:
            ahead.append(self._threads.submit(self._one, ask))
            if len(ahead) >= _PER_PROCESS * self._count:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()

    def _one(self, ask: Ask) -> Reply:
        process = self._idle.get()
        try:
            return ask(process)
        finally:
            self._idle.put(process)


def _read(process: "_Process", first: int, texts: RawTexts) -> Reply:
    return process.ask({"do": "first", "first": first}, texts_as_arrays(texts))


class _Process:
    """One worker."""

    def __init__(self, *descriptors: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", COMMAND, json.dumps(sys.path), *map(str, descriptors)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            pass_fds=descriptors,
            # An interrupt reaches this process, which stops its workers.
            start_new_session=True,
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"},
        )

    def ask(self, head: Mapping[str, object], arrays: Sequence[Array] = ()) -> Reply:
        """Return the answer.

        Raises:
            InputError: the process has ended.
        """
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("The process was started without pipes.")
        try:
            send(self._process.stdin, head, arrays)
            return receive(self._process.stdout)
        except (OSError, EOFError, ValueError) as error:
            raise InputError(
                f"A process that counts phrases ended before its work was done (exit status {self._status()}).",
                hint="Often memory ran out: free some, or set its parameter processes to 1.",
            ) from error

    def _status(self) -> str:
        try:
            return str(self._process.wait(timeout=1))
        except subprocess.TimeoutExpired:
            return "unknown"

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
