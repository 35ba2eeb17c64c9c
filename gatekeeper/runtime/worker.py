"""A worker: takes one run after the other from the queue, until it is told to end.

It takes the run of a worker that stopped beating first, then the oldest run of the model that was served longest ago.
Told to end, it hands its run back: the gate that computes is lost, what was kept is not.
"""

import logging
import os
import secrets
import shutil
import socket
import threading
import time
from collections.abc import Callable

from gatekeeper.core.errors import StoreError
from gatekeeper.pipeline.judge import abandon_in
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.runtime.carrier import Carrier, Watching, nobody, shards_folder
from gatekeeper.runtime.limits import Limits
from gatekeeper.runtime.opener import Opener
from gatekeeper.runtime.ray.options import RayOptions
from gatekeeper.store import queue
from gatekeeper.store.tables import QueueState

log = logging.getLogger("gatekeeper.runtime")


def new_worker_name() -> str:
    """Return a name no other process has: machine, process, and four random bytes for reused numbers."""
    return f"{socket.gethostname()[:64]}-{os.getpid()}-{secrets.token_hex(4)}"


class Worker:
    """One process's part in evaluating what is queued."""

    def __init__(
        self,
        workspace: Workspace,
        opener: Opener,
        limits: Limits,
        *,
        device: str,
        name: str | None = None,
        watching: Watching = nobody,
        ray: RayOptions | None = None,
    ) -> None:
        self._workspace, self._opener, self._limits = workspace, opener, limits
        self.name, self._device, self._watching = name or new_worker_name(), device, watching
        self._ray = ray
        self._seen: dict[str, tuple[int, int, float]] = {}
        self._carrier: Carrier | None = None
        self._ending = threading.Event()

    def end(self) -> None:
        """Hand back what is under way and take nothing more; may be called from a signal handler."""
        self._ending.set()

    def work(self, url: str, *, until_idle: bool = False) -> None:
        """Take runs until :meth:`end` is called.

        Args:
            url: of the runtime's own database.
            until_idle: whether to end by itself when nothing waits, and nobody else's run could still come back.
        """
        from gatekeeper.runtime.durable import launched

        with launched(url, self.name) as start:
            log.info("the worker takes runs", extra={"worker": self.name, "device": self._device})
            beaten = time.monotonic()
            while not self._ending.is_set():
                try:
                    idle = self._look(start)
                    if self._carrier is not None and time.monotonic() - beaten >= self._limits.beat_seconds:
                        self._carrier.beat()
                        beaten = time.monotonic()
                except StoreError as error:
                    log.warning("the database does not answer: %s", error)
                    idle = False
                    if self._carrier is not None and time.monotonic() - beaten > self._limits.lease_seconds / 2:
                        self._carrier.lose()  # before somebody else takes the run, rather than after
                if idle and until_idle:
                    break
                over = self._carrier.over if self._carrier is not None else self._ending
                over.wait(self._limits.poll_seconds)
            self._hand_back()

    def _look(self, start: Callable[[Carrier], None]) -> bool:
        """Look after the present run, or take another; return whether there is nothing to do and to wait for."""
        if self._carrier is not None:
            if not self._carrier.over.is_set():
                self._carrier.look()
                self._watch()
                return False
            self._carrier = None
        taken, idle = self._take()
        if taken is not None:
            self._carrier = taken
            start(taken)
        return idle

    def _take(self) -> tuple[Carrier | None, bool]:
        dead = self._watch()
        with self._workspace.store.reading() as session:
            if not dead and queue.next_waiting(session) is None:
                return None, not queue.running(session)
        with self._workspace.store.transaction() as session:
            present = {row.run_id: row for row in queue.running(session)}
            gone = [
                row
                for run_id, beats in dead.items()
                if (row := present.get(run_id)) and (row.attempt, row.beats) == beats
            ]
            for row in [row for row in gone if row.attempt >= self._limits.most_attempts]:
                log.warning("gave a run up: its workers died", extra={"run": row.run_id, "attempt": row.attempt})
                abandon_in(session, row.update_id, row.run_id, error="WorkersDied")
                queue.end(session, row, QueueState.FAILED, error=f"Every one of {row.attempt} workers died with it.")
                queue.note(session, row, "failed")
                shutil.rmtree(shards_folder(self._workspace, row.run_id), ignore_errors=True)
                gone.remove(row)
            if queue.busy(session, self._device, without=list(dead)) >= self._limits.per_device:
                return None, False
            row = gone[0] if gone else queue.next_waiting(session)
            if row is None:
                return None, False
            former = row.worker
            attempt = queue.take(session, row, worker=self.name, device=self._device)
            queue.note(session, row, "taken" if former is None else "taken-over", detail=self.name)
            run_id = row.run_id
        log.info("took a run", extra={"run": run_id, "worker": self.name, "attempt": attempt, "device": self._device})
        carrier = Carrier(
            self._workspace,
            self._opener,
            self._limits,
            run_id=run_id,
            worker=self.name,
            attempt=attempt,
            watching=self._watching,
            ray=self._ray,
        )
        return carrier, False

    def _watch(self) -> dict[str, tuple[int, int]]:
        """Look at the beats of every run; return attempt and beats of those whose workers count as dead.

        A worker watches while it computes, too, so that it knows the dead ones as soon as it is free.
        """
        with self._workspace.store.reading() as session:
            running = [row for row in queue.running(session) if row.worker != self.name]
        now = time.monotonic()
        seen = {}
        for row in running:
            before = self._seen.get(row.run_id)
            same = before is not None and before[:2] == (row.attempt, row.beats)
            seen[row.run_id] = before if same and before is not None else (row.attempt, row.beats, now)
        self._seen = seen
        return {
            run_id: (attempt, beats)
            for run_id, (attempt, beats, since) in seen.items()
            if now - since > self._limits.lease_seconds
        }

    def _hand_back(self) -> None:
        carrier = self._carrier
        if carrier is None or carrier.over.is_set():
            return
        carrier.lose()
        with self._workspace.store.transaction() as session:
            if queue.is_held(session, carrier.run_id, worker=self.name, attempt=carrier.attempt):
                row = queue.require(session, carrier.run_id)
                queue.give_back(session, row)
                queue.note(session, row, "handed-back", detail=self.name)
        carrier.over.wait(self._limits.grace_seconds + self._limits.lease_seconds)
