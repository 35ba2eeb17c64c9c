"""Work over rows on a Ray cluster, as gates ask for it: in the process that measures, which knows no Ray.

It keeps a driver going that passes chunks on (``row_driver``). A cluster that died is asked again, with a new driver,
a few times; what had come back by then is not asked for again. Then the work ends with an error, and its gate with
it: nothing is done here instead.
"""

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO

from gatekeeper.core.errors import InputError
from gatekeeper.core.row_work import Buffer, RowExecutor, RowRange, RowTask
from gatekeeper.core.rows import RowSource
from gatekeeper.gates.data.spreading.chunk_work import range_line, result_of, task_line
from gatekeeper.gates.data.spreading.processes import Few, ranges_for
from gatekeeper.runtime.ray.cluster import quiet
from gatekeeper.runtime.ray.options import RayOptions
from gatekeeper.runtime.ray.pieces import FAILED, NUMBER, read_piece, write_piece

_TRIES = 3
"""Drivers that are started, without an answer from any, before the work is given up."""


class RayRows(RowExecutor):
    """Works on a cluster."""

    def __init__(self, address: str, *, workers: int = 0, wait_seconds: float = 600.0) -> None:
        """Name a cluster; nothing is started before there is work.

        Args:
            address: ``auto`` for the cluster of this machine, or ``HOST:PORT`` of its head.
            workers: chunks that are worked on at once, at most; 0 for one a CPU of the cluster.
            wait_seconds: how long nothing may come back before the cluster counts as lost.

        Raises:
            UsageError: the address is none, or one of Ray's client.
        """
        self._address = RayOptions(address=address).address
        self._workers, self._wait = workers, wait_seconds
        self._driver: _Driver | None = None

    def close(self) -> None:
        """Let go of the cluster."""
        if self._driver is not None:
            self._driver.end()
            self._driver = None

    def map(self, rows: RowSource, task: RowTask, folder: Path) -> Iterator[bytes]:
        """Yield what the task gives for each chunk, in order.

        Raises:
            InputError: a row cannot be read, or the cluster was lost again and again.
        """
        with ranges_for(rows, task, folder, always=True) as places:
            if isinstance(places, Few):
                raise RuntimeError("rows for a cluster have ranges")
            yield from self._all(places, task)

    def _all(self, places: Sequence[RowRange], task: RowTask) -> Iterator[bytes]:
        done = tries = 0
        while done < len(places):
            try:
                for said in self._asked(places[done:], task):
                    done, tries = done + 1, 0
                    yield result_of(said)
            except _LostError as error:
                self.close()
                tries += 1
                if tries >= _TRIES:
                    raise InputError(
                        f"The Ray cluster at {self._address} was lost {tries} times over rows from "
                        f"{places[done].first} on ({error}).",
                        hint="Look at the cluster, and scan again.",
                    ) from error
            except BaseException:
                self.close()  # what it still works on is wanted by nobody
                raise

    def _asked(self, places: Sequence[RowRange], task: RowTask) -> Iterator[bytes]:
        if self._driver is None:
            self._driver = _Driver(self._address, self._workers)
        driver = self._driver
        driver.ask(task, places)
        for number in range(len(places)):
            said = driver.answer(self._wait)
            if NUMBER.unpack_from(said) != (number,):
                raise InputError("The Ray cluster answered out of order.", hint="Scan again.")
            yield said[NUMBER.size :]


class _LostError(Exception):
    """The driver has ended, or says nothing any more."""


class _Driver:
    """The process, and a thread that listens to it, a few answers ahead."""

    def __init__(self, address: str, workers: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "gatekeeper.runtime.ray.row_driver", address, str(workers)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=quiet(dict(os.environ)) | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        self._heard: queue.Queue[bytes | None] = queue.Queue(maxsize=4)
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        while (piece := read_piece(self._pipe(self._process.stdout))) is not None:
            self._heard.put(piece)
        self._heard.put(None)

    @staticmethod
    def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
        if stream is None:
            raise RuntimeError("The process was started without pipes.")
        return stream

    def ask(self, task: RowTask, places: Sequence[RowRange]) -> None:
        """Send a task, in a thread: a driver that waits for a dead cluster reads nothing."""
        head = {"task": task_line(task), "places": [range_line(place) for place in places], "shared": len(task.shared)}
        pieces = [json.dumps(head).encode(), *task.shared]
        threading.Thread(target=self._send, args=(pieces,), daemon=True).start()

    def _send(self, pieces: Sequence[Buffer]) -> None:
        stream = self._pipe(self._process.stdin)
        with suppress(OSError, ValueError):  # it has ended, as whoever listens to it will notice
            for piece in pieces:
                write_piece(stream, piece)

    def answer(self, wait_seconds: float) -> bytes:
        """Return number and answer of the next chunk.

        Raises:
            _LostError: it has ended, or nothing came for so long.
        """
        try:
            said = self._heard.get(timeout=wait_seconds)
        except queue.Empty as error:
            raise _LostError(f"nothing came back for {wait_seconds:g} seconds") from error
        if said is None:
            raise _LostError("its driver ended")
        if NUMBER.unpack_from(said) == (FAILED,):
            raise _LostError(said[NUMBER.size :].decode("utf-8", "replace"))
        return said

    def end(self) -> None:
        """Stop it."""
        self._process.kill()
        self._process.wait()
