"""Suites on a cluster, as the evaluation engine's executor: in the process that computes gates, which knows no Ray.

It keeps a driver going that passes shards on. A cluster that died is asked for again, with a new driver, for as long
as a gate may wait; what had come back by then is not asked for again. Nothing is computed here instead: another
machine's arithmetic would be another measurement. All evaluators that a process meets have to be of one kind.
"""

import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

from gatekeeper.runtime.ray.cluster import quiet
from gatekeeper.runtime.ray.messages import error_of, line, plain_ref, plain_task, read, write_suite_body
from gatekeeper.runtime.ray.options import RayOptions
from regression import ModelRef, ShardError, Task
from regression.shards import Done, read_answers

_MOMENT = 0.2
_SILENT = 30.0
"""Seconds without a beat after which a driver counts as hung."""
_PAUSES = (0.5, 1.0, 2.0, 5.0)
_PIECE = 1 << 20
_MOST = 1 << 30
"""Bytes of one message."""


class RayExecutor:
    """Implements :class:`regression.Executor`."""

    def __init__(self, options: RayOptions) -> None:
        self._options = options
        self._driver: tuple[subprocess.Popen[bytes], socket.socket] | None = None
        self._started = 0
        self._not_before = 0.0
        self._heard = b""
        self._last_heard = self._last_ready = time.monotonic()
        self._why = ""
        self._device: str | None = None
        self._about: dict[tuple[str, str], dict[str, Any]] = {}

    def close(self) -> None:
        """Let go of the cluster; its evaluators stay for a while, with what they have loaded."""
        self._stop()

    @property
    def device(self) -> str:
        """What every evaluator computes on; waits for the first."""
        self._last_ready = time.monotonic()
        while self._device is None:
            self._hear()
        return self._device

    def about(self, ref: ModelRef, dtype: str) -> dict[str, Any]:
        """Ask an evaluator, once for every model."""
        digest = ref.digest
        if (digest, dtype) not in self._about:
            asks = {"model": plain_ref(ref), "model_digest": digest, "dtype": dtype}
            for _, said in self._asked({f"about {digest}": asks}, {}):
                found = said["about"]
                kinds = {_kind(each) for (_, arithmetic), each in self._about.items() if arithmetic == dtype}
                if kinds - {_kind(found)}:
                    raise ShardError("the cluster's machines are not of one kind.", hint="Use nodes that are alike.")
                self._about[digest, dtype] = found
        return dict(self._about[digest, dtype])

    def run(self, tasks: Sequence[Task]) -> Iterator[Done]:
        """Compute every shard on the cluster."""
        suites = {task.suite.digest: task.suite for task in tasks}
        bodies = {digest: write_suite_body(suite).decode() for digest, suite in suites.items()}
        for name, said in self._asked({task.name: plain_task(task) for task in tasks}, bodies):
            yield Done(name=name, answers=read_answers(said["answers"].encode()), where=str(said["where"]))

    def _asked(
        self, questions: dict[str, dict[str, Any]], suites: dict[str, str]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield what is answered to each question, once; a new driver is asked what its predecessor did not answer."""
        waiting = dict(questions)
        asked_of = None
        self._last_ready = time.monotonic()
        try:
            while waiting:
                said = self._hear()
                if asked_of != self._started:
                    asked_of = self._started
                    for digest, body in suites.items():
                        self._tell(line(suite=digest, body=body))
                    for name, asks in waiting.items():
                        self._tell(line(id=name, asks=asks))
                # An answer that nobody waits for any more is somebody's whom the run was taken from.
                if said is None or waiting.pop(str(said.get("id")), None) is None:
                    continue
                if "failed" in said:
                    raise error_of(said["failed"])
                yield said["id"], said
                self._last_heard = self._last_ready = time.monotonic()
        finally:
            if waiting:
                self._tell(line(drop=True))

    def _hear(self) -> dict[str, Any] | None:
        """Return the driver's next message, or ``None`` after a moment; start a driver where there is none.

        Raises:
            ShardError: no evaluator for too long, or one that must not be used.
        """
        now = time.monotonic()
        if now - self._last_ready > self._options.wait_seconds:
            raise ShardError(
                f"no evaluator of the Ray cluster at {self._options.address} for {self._options.wait_seconds:g} "
                f"seconds{f' ({self._why})' if self._why else ''}.",
                hint="Look at the cluster, and evaluate the update again.",
            )
        if self._driver is None:
            if now < self._not_before:
                time.sleep(_MOMENT)
                return None
            self._start()
        message = self._line()
        if message is None:
            if time.monotonic() - self._last_heard > _SILENT:
                self._why = "its driver hangs"
                self._stop()
            return None
        said = read(message)
        self._last_heard = time.monotonic()
        if "down" in said or said.get("last"):
            self._why = str(said.get("down") or said["last"])
        if said.get("beat"):
            self._last_ready = self._last_heard
        if "refused" in said:
            raise ShardError(str(said["refused"]), hint="Install one version on every node.")
        if "ready" in said:
            if self._device not in {None, said["device"]}:
                raise ShardError("the cluster's machines are not of one kind.", hint="Use nodes that are alike.")
            self._device = str(said["device"])
        return said

    def _line(self) -> bytes | None:
        """Return the next line; ``None`` when there is none within a moment, or ever."""
        if self._driver is None:
            return None
        if b"\n" not in self._heard:
            talking = self._driver[1]
            if not select.select([talking], [], [], _MOMENT)[0]:
                return None
            try:
                piece = talking.recv(_PIECE)
            except OSError:
                piece = b""
            if not piece:
                self._stop()
                return None
            self._heard += piece
            if len(self._heard) > _MOST:
                raise ShardError("what came back from the cluster is larger than any shard.")
        first, found, rest = self._heard.partition(b"\n")
        if not found:
            return None
        self._heard = rest
        return first

    def _tell(self, message: bytes) -> None:
        if self._driver is not None:
            try:
                self._driver[1].sendall(message)
            except OSError:
                self._stop()

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            process = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "gatekeeper.runtime.ray.driver",
                    self._options.to_text(),
                    str(theirs.fileno()),
                ],
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                env=quiet(dict(os.environ)),
            )
        self._driver = (process, ours)
        self._started += 1
        self._heard = b""
        self._last_heard = time.monotonic()

    def _stop(self) -> None:
        if self._driver is None:
            return
        process, talking = self._driver
        self._driver = None
        talking.close()
        process.kill()
        process.wait()
        self._not_before = time.monotonic() + _PAUSES[min(self._started, len(_PAUSES)) - 1]


def _kind(about: dict[str, Any]) -> str:
    """Return the part of the circumstances that is the same for every model."""
    return str(sorted((name, value) for name, value in about.items() if name not in {"model", "fused"}))
