"""Who evaluates: a port, so that a durable runner on any machine can take the place of this process.

The runner here evaluates in the process of the service, one update at a time, while the caller waits. When the
process dies, so does the evaluation: the update stays EVALUATING, as with a command that was killed.
"""

import threading
import time
from typing import Protocol

from api.problems import Problem
from gatekeeper.core.errors import StateError
from gatekeeper.pipeline import run
from gatekeeper.pipeline.run import Audience
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.runtime.log import note
from gatekeeper.runtime.stored import StoredRuntime
from gatekeeper.store.tables import QueueState
from policies.policy import Policy


class Runner(Protocol):
    """Evaluates updates that were proposed."""

    def evaluate(self, workspace: Workspace, update_id: str, policy: Policy, audience: Audience) -> None:
        """Return when the update has a verdict.

        Raises:
            Problem: there is no room for another evaluation now.
            GatekeeperError: it could not be evaluated.
        """
        ...


class InProcessRunner:
    """Evaluates here and now, one after the other."""

    def __init__(self, *, most_waiting: int) -> None:
        self._room = threading.BoundedSemaphore(most_waiting + 1)
        self._turn = threading.Lock()

    def evaluate(self, workspace: Workspace, update_id: str, policy: Policy, audience: Audience) -> None:
        """Wait for the turn, then evaluate."""
        if not self._room.acquire(blocking=False):
            raise Problem("busy", "Too many evaluations are waiting.", hint="Try again when one has ended.")
        try:
            with self._turn, run.evaluation(workspace, audience) as resources:
                note(run=run.evaluate(workspace, update_id, policy, resources, audience).run_id)
        finally:
            self._room.release()


class QueueRunner:
    """Leaves the evaluation to the workers of the installation, and waits for one of them.

    When this process dies, the evaluation goes on; asked again for the same update, the wait goes on too.
    """

    _LOOK_EVERY = 0.5

    def evaluate(self, workspace: Workspace, update_id: str, policy: Policy, audience: Audience) -> None:
        """Queue it, then wait for its end."""
        del audience
        runtime = StoredRuntime(workspace.store)
        run_id = runtime.enqueue(update_id, policy)
        note(run=run_id)
        while not (status := runtime.status(run_id)).ended:
            time.sleep(self._LOOK_EVERY)
        if status.state is not QueueState.DONE:
            why = status.error or "somebody cancelled it"
            raise StateError(f"Run {run_id} ended without a verdict: {why.rstrip('.')}.", hint="Evaluate it again.")
