"""Evaluators of a cluster, and which shard each has. Nothing here outlives its process, and nothing needs to.

An evaluator is a detached actor with a name, so that the next run finds it with its model loaded. It gets one shard
at a time. One that is lost, with its node or alone, gives its shard back to the queue; a shard that was lost too often
fails.
"""

import hashlib
import logging
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from gatekeeper.runtime.ray.cluster import NAMESPACE, code_digest, room
from gatekeeper.runtime.ray.evaluator import Evaluator, refusal
from gatekeeper.runtime.ray.messages import line, read
from gatekeeper.runtime.ray.options import RayOptions

log = logging.getLogger("gatekeeper.runtime")

_LOOK_EVERY = 1.0


@dataclass(slots=True, kw_only=True)
class Job:
    """Something an evaluator is asked."""

    id: str
    message: bytes
    suite: str | None = None
    """Digest of the suite it is about; ``None`` for a question about a model."""
    tries: int = 0


@dataclass(slots=True)
class Slot:
    """A place for one evaluator."""

    handle: Any
    reply: Any
    """What it was asked last; ``None`` when it has nothing to do."""
    gpu: bool = False
    """Whether it was given one."""
    job: Job | None = None
    ready: bool = False


class Pool:
    """Gives shards to evaluators and yields what comes back."""

    def __init__(self, ray: Any, options: RayOptions) -> None:
        self._ray, self._options = ray, options
        # Other options, or other code, are other evaluators.
        about = f"{options.cpus} {options.idle_seconds} {code_digest()}"
        self._family = hashlib.sha256(about.encode()).hexdigest()[:16]
        self._suites: dict[str, Any] = {}
        self._waiting: deque[Job] = deque()
        self._slots: dict[int, Slot] = {}
        self._looked = 0.0
        self.last = ""
        """What went wrong last with an evaluator."""

    @property
    def ready(self) -> int:
        """Evaluators that answer."""
        return sum(slot.ready for slot in self._slots.values())

    def suite(self, digest: str, body: bytes) -> None:
        """Put a suite where every evaluator finds it."""
        if digest not in self._suites:
            self._suites[digest] = self._ray.put(body)

    def add(self, job: Job) -> None:
        """Ask something; what is asked already is not asked twice."""
        if job.id not in {one.id for one in self._jobs()}:
            self._waiting.append(job)

    def drop(self) -> None:
        """Forget every question; what is computed for one is not given to anybody."""
        self._waiting.clear()
        self._suites.clear()
        for slot in self._slots.values():
            if slot.job is not None:
                slot.job = Job(id="", message=b"")

    def step(self, seconds: float) -> Iterator[dict[str, Any]]:
        """Do what can be done, wait so long for something to come back, and yield it."""
        self._grow()
        for slot in self._slots.values():
            if slot.ready and slot.reply is None and self._waiting:
                self._give(slot, self._waiting.popleft())
        replies = {slot.reply: number for number, slot in self._slots.items() if slot.reply is not None}
        if not replies:
            time.sleep(seconds)
            return
        done, _ = self._ray.wait(list(replies), num_returns=1, timeout=seconds)
        for reply in done:
            yield from self._came_back(replies[reply], reply)

    def _jobs(self) -> Iterator[Job]:
        yield from self._waiting
        yield from (slot.job for slot in self._slots.values() if slot.job is not None)

    def _grow(self) -> None:
        """Start evaluators, no more than the cluster holds and there is work for."""
        now = time.monotonic()
        if now - self._looked < _LOOK_EVERY:
            return
        self._looked = now
        places, gpu = room(self._ray, self._options.cpus)
        wanted = min(places, max(1, sum(1 for _ in self._jobs())))
        for number in range(wanted):
            if number not in self._slots:
                handle = (
                    self._ray.remote(Evaluator)
                    .options(
                        name=f"evaluator-{self._family}-{number}",
                        namespace=NAMESPACE,
                        get_if_exists=True,
                        lifetime="detached",
                        max_restarts=0,
                        num_cpus=1 if gpu else self._options.cpus,
                        num_gpus=1 if gpu else 0,
                        scheduling_strategy="SPREAD",
                    )
                    .remote(self._options.idle_seconds)
                )
                self._slots[number] = Slot(handle, handle.hello.remote(), gpu)

    def _give(self, slot: Slot, job: Job) -> None:
        slot.job = job
        if job.suite is None:
            slot.reply = slot.handle.about.remote(job.message)
        else:
            slot.reply = slot.handle.answer.remote(job.message, self._suites[job.suite])

    def _came_back(self, number: int, reply: Any) -> Iterator[dict[str, Any]]:
        slot = self._slots[number]
        job, slot.job, slot.reply = slot.job, None, None
        try:
            said: bytes = self._ray.get(reply)
        except self._ray.exceptions.RayError as error:
            del self._slots[number]
            self.last = f"{type(error).__name__}: {str(error).strip().splitlines()[0] if str(error).strip() else ''}"
            if job is not None and job.id:
                yield from self._again(job)
            return
        if job is None:
            why = refusal(said)
            if why is None and slot.gpu and read(said)["device"] == "cpu":
                why = f"The node {read(said)['node']} gives Ray a GPU, and PyTorch none."
            if why is not None:
                del self._slots[number]
                yield {"refused": why}
                return
            slot.ready = True
            yield {"ready": number, **{name: read(said)[name] for name in ("device", "node", "pid")}}
        elif job.id:
            yield {"id": job.id, **read(said)}

    def _again(self, job: Job) -> Iterator[dict[str, Any]]:
        job.tries += 1
        log.warning("an evaluator was lost: %s", self.last)
        if job.tries < self._options.tries:
            self._waiting.appendleft(job)
            return
        why = f"a shard was lost with {job.tries} evaluators, last: {self.last[:200]}."
        yield {"id": job.id, "failed": {"kind": "shard", "message": why, "hint": "Look at the cluster's nodes."}}


def job_of(fields: dict[str, Any]) -> Job:
    """Return what a message of the gate's process asks."""
    suite = fields["asks"].get("suite")
    return Job(id=str(fields["id"]), message=line(**fields["asks"]), suite=None if suite is None else str(suite))
