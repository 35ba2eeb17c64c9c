"""What one evaluated update hands to whoever asked: the command line, a report, a page."""

from dataclasses import dataclass

from gatekeeper.core.findings import GateReport
from gatekeeper.core.states import State
from gatekeeper.core.update import Update
from gatekeeper.core.verdict import Outcome, Verdict
from gatekeeper.pipeline.collect import GateRun
from policies.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """An update with its reports, verdict and present state."""

    update: Update
    run_id: str
    state: State
    """Where the update stands now; raised by later steps with :func:`dataclasses.replace`."""
    verdict: Verdict
    runs: tuple[GateRun, ...]
    policy: Policy
    champion_version: str | None
    """Registered version it was compared with; ``None`` for a first champion."""
    seconds: float
    """Wall time from submission to verdict."""
    resumed: bool = False
    """Whether the verdict was made by a process that died before it could go on."""

    @property
    def name(self) -> str:
        """What people call the update."""
        return self.update.name

    @property
    def update_id(self) -> str:
        """The update's id."""
        return self.update.id

    @property
    def gates(self) -> int:
        """How many gates reported."""
        return len(self.runs)

    @property
    def reports(self) -> dict[str, GateReport]:
        """Reports by gate id."""
        return {run.report.gate: run.report for run in self.runs}


def state_after(verdict: Verdict) -> State:
    """Return where a verdict leaves an update: an error is never a pass, and a review is decided by people."""
    if verdict.errored:
        return State.ERRORED
    return State.BLOCKED if verdict.outcome is Outcome.BLOCK else State.PENDING_APPROVAL
