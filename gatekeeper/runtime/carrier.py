"""One worker's hold on one run: it takes the run through its steps, and computes each gate in a process group.

Every transaction of the run asks first whether the worker still holds it. A worker that lost the run, to another one
or to whoever cancelled it, writes nothing more about it.
"""

import logging
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from gatekeeper.core.errors import GatekeeperError, InputError, RegistryError, StoreError
from gatekeeper.core.findings import GateReport
from gatekeeper.core.gate import Gate, Resources
from gatekeeper.pipeline import run
from gatekeeper.pipeline.bench import Bench
from gatekeeper.pipeline.collect import GateRun, folder_of
from gatekeeper.pipeline.judge import abandon
from gatekeeper.pipeline.steps import HandedOver, Point
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.runtime.group import Group
from gatekeeper.runtime.limits import Limits
from gatekeeper.runtime.messages import Asked, KeptShard, read_said, write_asked
from gatekeeper.runtime.opener import Opener
from gatekeeper.runtime.ray.options import RayOptions
from gatekeeper.store import queue, runs, shards
from gatekeeper.store.tables import QueueState
from policies.form import policy_from_form
from policies.policy import Policy

log = logging.getLogger("gatekeeper.runtime")

_MEMORY_EVERY = 0.2

Stepper = Callable[[str, Callable[[], GateRun]], None]
"""Does a piece of work unless it is known to be done."""
Watching = Callable[[Point], None]
"""Told of every point that is passed."""


class Cancelled(BaseException):
    """Somebody asked for the end of the run. No ``Exception``: nothing may take it for a gate that failed."""


def nobody(point: Point) -> None:
    """Take no note of a point."""
    del point


class Carrier:
    """Carries one run in one attempt; implements :class:`~gatekeeper.pipeline.steps.Steps`."""

    def __init__(
        self,
        workspace: Workspace,
        opener: Opener,
        limits: Limits,
        *,
        run_id: str,
        worker: str,
        attempt: int,
        watching: Watching = nobody,
        ray: RayOptions | None = None,
    ) -> None:
        self._workspace, self._opener, self._limits = workspace, opener, limits
        self._run_id, self.worker, self.attempt = run_id, worker, attempt
        self._watching, self._ray = watching, ray
        self._update_id: str | None = None
        self._stepper: Stepper | None = None
        self._group: Group | None = None
        self._lost, self._cancelled = threading.Event(), threading.Event()
        self.over = threading.Event()
        """Set when this process does nothing more for the run."""

    @property
    def run_id(self) -> str:
        """The run."""
        return self._run_id

    def lose(self) -> None:
        """Let go of the run: what is computed for it ends, and nothing more is written."""
        self._lost.set()

    def cancel(self) -> None:
        """End the run without a verdict."""
        self._cancelled.set()

    def beat(self) -> None:
        """Show that this worker lives, and notice when it lost the run, or somebody asked for its end."""
        with self._workspace.store.transaction() as session:
            held = queue.beat(session, self.run_id, worker=self.worker, attempt=self.attempt)
        if not held:
            self.lose()

    def look(self) -> None:
        """Notice when somebody asked for the run's end."""
        with self._workspace.store.reading() as session:
            if queue.require(session, self.run_id).cancelled:
                self.cancel()

    def carry(self, stepper: Stepper) -> None:
        """Take the run to its end; return when it has one.

        Args:
            stepper: remembers which steps are done.

        Raises:
            HandedOver: it is somebody else's now, so that nobody may write down that it ended here.
        """
        self._stepper = stepper
        try:
            self._carry()
        except HandedOver:
            self._log("the run is no longer this worker's")
            raise
        finally:
            self._end_group()
            self.over.set()

    def _carry(self) -> None:
        with self._workspace.store.reading() as session:
            row = queue.require(session, self.run_id)
            self._update_id = row.update_id
            update_id, form, digest = row.update_id, row.policy, row.policy_digest
        try:
            policy = policy_from_form(form, self._workspace.catalogue, digest=digest)
            self._stop_where_asked()
            self._evaluate(update_id, policy)
        except (GatekeeperError, Cancelled) as error:
            self._give_up(update_id, error)
        except Exception as error:
            # Whatever it is, the run ends: a worker that dies of it would be followed by the next one.
            log.exception("the run failed", extra={"run": self.run_id, "update": update_id, "worker": self.worker})
            self._give_up(update_id, error)
        else:
            self._end(QueueState.DONE, "done")

    def _evaluate(self, update_id: str, policy: Policy) -> None:
        """Evaluate; where there is a verdict and the registry does not answer, try again after a while."""
        pauses = list(self._limits.registry_pauses)
        while True:
            try:
                run.evaluate(self._workspace, update_id, policy, Resources(), steps=self)
            except RegistryError:
                with self._workspace.store.reading() as session:
                    judged = runs.verdict(session, self.run_id) is not None
                if not judged or not pauses:
                    raise
                self._log("the registry does not answer")
                self._lost.wait(pauses.pop(0))
            else:
                return

    def hold(self, session: Session) -> None:
        """Return when this worker still holds the run, as the caller's transaction sees it."""
        if self._lost.is_set() or not queue.is_held(session, self.run_id, worker=self.worker, attempt=self.attempt):
            self.lose()
            raise HandedOver

    def step(self, name: str, work: Callable[[], GateRun]) -> None:
        """Do ``work``, unless it is known to be done."""
        if self._stepper is None:
            raise RuntimeError("a step outside of a run")
        self._stepper(name, work)

    def reached(self, point: Point, gate: str | None = None) -> None:
        """Tell those who watch, and stop where the run is not ours or not wanted any more."""
        said = {Point.BEFORE_STEP: "gate-started", Point.STEP_STORED: "gate-kept"}.get(point)
        if said is not None:
            with self._workspace.store.transaction() as session:
                self.hold(session)
                queue.note(session, queue.require(session, self.run_id), said, gate=gate)
                if gate is not None and point is Point.STEP_STORED:
                    shards.forget(session, self.run_id, gate)
        if gate is not None and point is Point.STEP_STORED:
            shutil.rmtree(folder_of(self._shards, gate), ignore_errors=True)
        self._log("passed a point", point=point.value, gate=gate)
        self._watching(point)
        if point is Point.BEFORE_STEP:
            self._stop_where_asked()

    def compute(self, bench: Bench, gate: Gate[Any], here: Callable[[], GateRun]) -> GateRun:
        """Measure in the process group, within the limits; what goes over them is unmeasured, with the reason."""
        del here
        began = time.monotonic()
        final = self._workspace.evidence_dir / self.run_id
        draft = final / f".attempt-{self.attempt}"
        shutil.rmtree(draft, ignore_errors=True)
        if self._group is None:
            self._group = Group(self._opener, self._ray)
        group = self._group
        with self._workspace.store.reading() as session:
            kept = tuple(shards.kept(session, self.run_id, gate.id).items())
        parts = folder_of(self._shards, gate.id)
        group.ask(write_asked(Asked(bench=bench, gate=gate.id, folder=str(draft), shards=str(parts), kept=kept)))
        self._watching(Point.IN_STEP)
        try:
            measured = self._answer(group, gate, began)
        except BaseException:
            self._end_group()
            raise
        with self._workspace.store.reading() as session:
            self.hold(session)
        _into_place(folder_of(draft, gate.id), folder_of(final, gate.id))
        shutil.rmtree(draft, ignore_errors=True)
        return measured

    def _answer(self, group: Group, gate: Gate[Any], began: float) -> GateRun:
        limits = self._limits
        looked = 0.0
        while True:
            if self._lost.is_set():
                raise HandedOver
            self._stop_where_asked()
            try:
                line = group.answer()
            except EOFError:
                how = group.how_it_ended()
                self._end_group()
                return _without(gate.errored(f"The process that measured it {how}."), began)
            if line is not None:
                run = read_said(line)
                if isinstance(run, KeptShard):
                    self._keep(gate.id, run)
                    continue
                if run.report.gate != gate.id:
                    raise InputError(f"{run.report.gate} answered for {gate.id}.", hint="Evaluate the update again.")
                return run
            now = time.monotonic()
            if now - began > limits.gate_seconds:
                self._end_group()
                why = f"It was ended after {limits.gate_seconds:g} seconds, the most a gate may take here."
                return _without(gate.unmeasured(why), began)
            if limits.memory_mib is not None and now - looked > _MEMORY_EVERY:
                looked = now
                if (used := group.memory()) > limits.memory_mib:
                    self._end_group()
                    why = f"It was ended at {used} MiB of memory; a gate may use {limits.memory_mib} MiB here."
                    return _without(gate.unmeasured(why), began)

    @property
    def _shards(self) -> Path:
        return shards_folder(self._workspace, self.run_id)

    def _keep(self, gate: str, shard: KeptShard) -> None:
        """Write down that a part of a gate is done."""
        try:
            with self._workspace.store.transaction() as session:
                self.hold(session)
                row = queue.require(session, self.run_id)
                news = shards.keep(
                    session, self.run_id, gate, name=shard.name, digest=shard.digest, attempt=self.attempt
                )
                if news:
                    queue.note(session, row, "shard-kept", gate=gate, detail=shard.says)
        except StoreError as error:
            # The gate goes on; what was not written down is computed again should this worker die.
            log.warning("a shard was not kept: %s", error, extra={"run": self.run_id, "gate": gate})
            return
        self._log("kept a shard", point=Point.SHARD_KEPT.value, gate=gate)
        self._watching(Point.SHARD_KEPT)

    def _stop_where_asked(self) -> None:
        if self._cancelled.is_set():
            raise Cancelled

    def _log(self, says: str, **more: object) -> None:
        ids = {"run": self.run_id, "update": self._update_id, "worker": self.worker, "attempt": self.attempt}
        log.info(says, extra={**ids, **more})

    def _end_group(self) -> None:
        if self._group is not None:
            self._group.stop(self._limits.grace_seconds)
            self._group = None

    def _give_up(self, update_id: str, error: BaseException) -> None:
        self._end_group()
        abandon(self._workspace, update_id, self, error)
        if isinstance(error, Cancelled):
            self._end(QueueState.CANCELLED, "cancelled")
        else:
            self._end(QueueState.FAILED, "failed", error=f"{error}")

    def _end(self, state: QueueState, said: str, *, error: str | None = None) -> None:
        with self._workspace.store.transaction() as session:
            self.hold(session)
            row = queue.require(session, self.run_id)
            verdict = runs.verdict(session, self.run_id) if state is QueueState.DONE else None
            queue.end(session, row, state, error=error)
            queue.note(session, row, said, detail=verdict.outcome.name if verdict else None)
        shutil.rmtree(self._shards, ignore_errors=True)


def shards_folder(workspace: Workspace, run_id: str) -> Path:
    """Return where the parts of a run's long gates lie."""
    return workspace.evidence_dir / run_id / ".shards"


def _without(report: GateReport, began: float) -> GateRun:
    return GateRun(report=report, seconds=time.monotonic() - began)


def _into_place(draft: Path, final: Path) -> None:
    """Put a gate's attachments where they belong; what a process that died had left there goes."""
    shutil.rmtree(final, ignore_errors=True)
    final.parent.mkdir(parents=True, exist_ok=True)
    if draft.is_dir():
        draft.rename(final)
    else:
        final.mkdir()
