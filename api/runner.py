"""Who evaluates: a port, so that a durable runner on any machine can take the place of this process.

The runner here evaluates in the process of the service, one update at a time, while the caller waits. When the
process dies, so does the evaluation: the update stays EVALUATING, as with a command that was killed.
"""

import threading
from typing import Protocol

from api.problems import Problem
from gatekeeper.pipeline import run
from gatekeeper.pipeline.run import Audience
from gatekeeper.pipeline.workspace import Workspace
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
                run.evaluate(workspace, update_id, policy, resources, audience)
        finally:
            self._room.release()
