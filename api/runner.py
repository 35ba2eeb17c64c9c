"""Who evaluates: a port, so that workers on any machine can take the place of this process.

An evaluation is started, and has an id from then on, under which anybody can see how far it is and end it. The runner
here evaluates in the process of the service, one update at a time; when the process dies, so does the evaluation, and
the update stays EVALUATING, as with a command that was killed.
"""

import contextvars
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

from api.problems import Problem
from api.progress import Evaluation
from gatekeeper.core.errors import GatekeeperError
from gatekeeper.pipeline import run
from gatekeeper.pipeline.run import Audience
from gatekeeper.pipeline.steps import HereAndNow, Point
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.runtime.log import note
from gatekeeper.runtime.port import RunStatus
from gatekeeper.runtime.stored import StoredRuntime
from gatekeeper.store import queue, updates
from gatekeeper.store.tables import QueueState
from policies.policy import Policy

log = logging.getLogger("gatekeeper.api")

_REMEMBERED: Final = 200
"""Ended evaluations of this process whose end can be asked for."""


class Cancelled(BaseException):
    """Somebody asked for the end of the evaluation. No ``Exception``: nothing may take it for a gate that failed."""


class Runner(Protocol):
    """Evaluates updates that were proposed."""

    @property
    def waits(self) -> bool:
        """Whether a caller may wait for the verdict here."""
        ...

    def start(
        self, workspace: Workspace, update_id: str, model: str, policy: Policy, told: Callable[[], Evaluation]
    ) -> str:
        """Begin an evaluation and return the id of its run; where one of this update goes on, that one's.

        Args:
            workspace: of the installation.
            update_id: may be evaluated.
            model: that it is proposed for.
            policy: decides.
            told: gives what listens, where this process evaluates.

        Raises:
            Problem: there is no room for another evaluation now.
        """
        ...

    def wait(self, run_id: str) -> None:
        """Return when an evaluation that this process makes has ended with a verdict.

        Raises:
            GatekeeperError: it ended without one.
        """
        ...

    def status(self, workspace: Workspace, run_id: str) -> RunStatus | None:
        """Return where a run stands; ``None`` for one that this runner knows nothing of."""
        ...

    def cancel(self, workspace: Workspace, run_id: str) -> bool:
        """Ask for a run's end; return whether this runner could."""
        ...


@dataclass(slots=True)
class _Going:
    """One evaluation of this process."""

    steps: "StoppableSteps"
    update_id: str
    model: str
    told: Evaluation
    over: threading.Event = field(default_factory=threading.Event)
    state: QueueState = QueueState.QUEUED
    error: BaseException | None = None


class StoppableSteps(HereAndNow):
    """Carries a run in this process until somebody asks for its end: before the next gate, or the verdict."""

    def __init__(self) -> None:
        super().__init__()
        self.cancelled = threading.Event()

    def reached(self, point: Point, gate: str | None = None) -> None:
        """Stop where it was asked for."""
        del gate
        if point in (Point.BEFORE_STEP, Point.BEFORE_VERDICT) and self.cancelled.is_set():
            raise Cancelled


class InProcessRunner:
    """Evaluates in this process, one after the other."""

    waits = True

    def __init__(self, *, most_waiting: int) -> None:
        self._room = threading.BoundedSemaphore(most_waiting + 1)
        self._turn = threading.Lock()
        self._guard = threading.Lock()
        self._known: OrderedDict[str, _Going] = OrderedDict()

    def start(
        self, workspace: Workspace, update_id: str, model: str, policy: Policy, told: Callable[[], Evaluation]
    ) -> str:
        """Begin in a thread of its own, which waits for its turn."""
        with self._guard:
            for run_id, each in self._known.items():
                if each.update_id == update_id and not each.over.is_set():
                    return run_id
            if not self._room.acquire(blocking=False):
                raise Problem("busy", "Too many evaluations are waiting.", hint="Try again when one has ended.")
            going = _Going(steps=StoppableSteps(), update_id=update_id, model=model, told=told())
            self._known[going.steps.run_id] = going
            ended = [run_id for run_id, each in self._known.items() if each.over.is_set()]
            for run_id in ended[: max(0, len(ended) - _REMEMBERED)]:
                del self._known[run_id]
        note(run=going.steps.run_id)
        within = contextvars.copy_context()  # its lines and spans belong to whoever asked for it
        threading.Thread(
            target=within.run, args=(self._evaluate, workspace, going, policy), name=going.steps.run_id, daemon=True
        ).start()
        return going.steps.run_id

    def wait(self, run_id: str) -> None:
        """Wait for the thread."""
        going = self._known[run_id]
        going.over.wait()
        if going.state is QueueState.CANCELLED:
            raise Problem("state", f"Run {run_id} was cancelled.", hint="Evaluate the update again.")
        if going.error is not None:
            raise going.error

    def status(self, workspace: Workspace, run_id: str) -> RunStatus | None:
        """Look among the evaluations of this process."""
        del workspace
        going = self._known.get(run_id)
        if going is None:
            return None
        over = going.over.is_set()
        return RunStatus(
            run_id=run_id,
            update_id=going.update_id,
            model=going.model,
            state=going.state,
            attempt=0 if going.state is QueueState.QUEUED else 1,
            worker=None,
            device=None,
            cancelling=going.steps.cancelled.is_set() and not over,
            error=_said(going.error),
        )

    def cancel(self, workspace: Workspace, run_id: str) -> bool:
        """Ask the thread to end before its next gate."""
        del workspace
        going = self._known.get(run_id)
        if going is not None:
            going.steps.cancelled.set()
        return going is not None

    def _evaluate(self, workspace: Workspace, going: _Going, policy: Policy) -> None:
        audience = Audience(watcher=going.told)
        try:
            with self._turn:
                if going.steps.cancelled.is_set():
                    raise Cancelled
                going.state = QueueState.RUNNING
                with run.evaluation(workspace, audience) as resources:
                    run.evaluate(workspace, going.update_id, policy, resources, audience, steps=going.steps)
            going.state = QueueState.DONE
        except Cancelled:
            going.state = QueueState.CANCELLED
        except BaseException as error:  # whoever waits is told, and nobody else would be
            if not isinstance(error, GatekeeperError):
                log.exception("run %s failed", going.steps.run_id)
            going.state, going.error = QueueState.FAILED, error
        finally:
            self._room.release()
            going.told.end(state=_state_of(workspace, going.update_id))
            going.over.set()


class QueueRunner:
    """Leaves evaluations to the workers of the installation: they go on when this process dies."""

    waits = False

    def start(
        self, workspace: Workspace, update_id: str, model: str, policy: Policy, told: Callable[[], Evaluation]
    ) -> str:
        """Queue it."""
        del model, told
        run_id = StoredRuntime(workspace.store).enqueue(update_id, policy)
        note(run=run_id)
        return run_id

    def wait(self, run_id: str) -> None:
        """Nobody waits for workers here."""
        raise RuntimeError(f"run {run_id} is a worker's")

    def status(self, workspace: Workspace, run_id: str) -> RunStatus | None:
        """Look into the queue."""
        return queued(workspace, run_id)

    def cancel(self, workspace: Workspace, run_id: str) -> bool:
        """Tell its worker; where none has it, end it at once."""
        if queued(workspace, run_id) is None:
            return False
        StoredRuntime(workspace.store).cancel(run_id)
        return True


def queued(workspace: Workspace, run_id: str) -> RunStatus | None:
    """Return where a queued run stands; ``None`` for one that was never queued."""
    with workspace.store.reading() as session:
        known = queue.find(session, run_id) is not None
    return StoredRuntime(workspace.store).status(run_id) if known else None


def _said(error: BaseException | None) -> str | None:
    """Return what callers are told of a failure: a fault of ours stands in the log alone."""
    if error is None:
        return None
    return str(error) if isinstance(error, GatekeeperError) else "Gatekeeper itself failed; nothing was admitted."


def _state_of(workspace: Workspace, update_id: str) -> str:
    try:
        with workspace.store.reading() as session:
            row = updates.find(session, update_id)
            return "" if row is None else row.state.value
    except GatekeeperError:
        return ""
