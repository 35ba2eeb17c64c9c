"""What the rest of the program sees of the runtime: ask for an evaluation, watch it, end it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from gatekeeper.store.tables.words import QueueState
from policies.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStatus:
    """Where a queued evaluation stands."""

    run_id: str
    update_id: str
    model: str
    state: QueueState
    attempt: int
    """How often a worker has taken it; 0 while it waits for the first."""
    worker: str | None
    device: str | None
    cancelling: bool
    """Whether somebody asked for its end, and it has not ended yet."""
    error: str | None
    """Why it ended without a verdict."""

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state not in {QueueState.QUEUED, QueueState.RUNNING}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEvent:
    """One thing that happened to a run."""

    number: int
    """From 1, without gaps."""
    at: datetime
    kind: str
    """``queued``, ``taken``, ``taken-over``, ``gate-started``, ``shard-kept``, ``gate-kept``, ``handed-back``,
    ``cancel-asked``, ``done``, ``failed`` or ``cancelled``."""
    attempt: int
    gate: str | None
    detail: str | None


class Runtime(Protocol):
    """Evaluates updates that were proposed, sooner or later, whatever dies meanwhile."""

    def enqueue(self, update_id: str, policy: Policy) -> str:
        """Ask for an evaluation and return its run's id; asked twice, the update is evaluated once.

        Raises:
            UsageError: there is no such update.
            StateError: it is in no state to be judged.
        """
        ...

    def status(self, run_id: str) -> RunStatus:
        """Return where a run stands.

        Raises:
            UsageError: the run was never queued.
        """
        ...

    def cancel(self, run_id: str) -> RunStatus:
        """Ask for a run's end; its update becomes ERRORED and can be evaluated again. Harmless when it has ended.

        Raises:
            UsageError: the run was never queued.
        """
        ...

    def events(self, run_id: str, after: int = 0) -> tuple[RunEvent, ...]:
        """Return what happened after the event of that number, oldest first."""
        ...

    def going(self) -> tuple[RunStatus, ...]:
        """Return every run that waits or is worked on, in the order they were asked for."""
        ...
