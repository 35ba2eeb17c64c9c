"""What a report shows: one run, its updates, and every limit with its numbers. Core types, and panels to draw."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from audits.reports.lineage_plot import LineagePanel
from gatekeeper.core.digests import Digest
from gatekeeper.core.findings import Finding, GateReport, Status
from gatekeeper.core.states import State
from gatekeeper.core.verdict import Outcome, Reason, Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitView:
    """One limit of the policy as it was applied."""

    gate: str
    id: str
    outcome: Outcome
    text: str
    """The sentence, with numbers."""
    errored: bool = False
    """True when the limit could not be evaluated."""
    metric: str = ""
    """The metric it is about; empty when it is about none or several."""
    unit: str = ""
    value: float | None = None
    low: float | None = None
    high: float | None = None
    margin: float | None = None
    """Where the limit lies on the metric's own axis: −0.05 for "not more than 5 points lower"."""
    better: Literal["higher", "lower", "equal", ""] = ""
    """On which side of the margin the update is welcome."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateView:
    """One update and what became of it."""

    name: str
    id: str
    kind: str
    """Update kind, e.g. ``lora``."""
    digest: Digest
    state: State
    verdict: Verdict
    reports: tuple[GateReport, ...]
    limits: tuple[LimitView, ...]
    seconds: float
    """Wall time of its evaluation."""
    data: str = ""
    """Name of the file of training rows; empty when there was none."""
    gate_seconds: tuple[tuple[str, float], ...] = ()
    """Wall time by gate, where it was measured."""

    @property
    def outcome_word(self) -> str:
        """``ADMIT``, ``REVIEW``, ``BLOCK``, or ``ERROR`` when it could not be evaluated."""
        return "ERROR" if self.verdict.errored else self.verdict.outcome.name

    @property
    def main_reasons(self) -> tuple[Reason, ...]:
        """The votes that made the verdict; for an ADMIT there is nothing that stands out."""
        strictest = self.verdict.outcome
        if strictest is Outcome.ADMIT:
            return ()
        return tuple(reason for reason in self.verdict.reasons if reason.outcome is strictest)

    @property
    def gates(self) -> tuple[str, ...]:
        """Every gate that voted, reported or was left out, in that order, each once."""
        voted = [reason.gate for reason in self.verdict.reasons]
        return tuple(dict.fromkeys([*voted, *(report.gate for report in self.reports), *self.verdict.not_run]))

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Findings of all gates, worst first."""
        found = (finding for report in self.reports for finding in report.findings)
        return tuple(sorted(found, key=lambda finding: (-finding.severity, finding.code)))

    def report(self, gate: str) -> GateReport | None:
        """Return the report of ``gate``, or ``None``."""
        return next((report for report in self.reports if report.gate == gate), None)

    def errored(self, reason: Reason) -> bool:
        """Return whether a vote stands for something that could not be evaluated."""
        report = self.report(reason.gate)
        if report is None or report.status is Status.ERRORED:
            return reason.outcome is Outcome.BLOCK
        return any(limit.errored and f"{limit.gate}/{limit.id}" == reason.code for limit in self.limits)

    def word(self, reason: Reason) -> str:
        """Return a vote as a word: its outcome, or ``ERROR``."""
        return "ERROR" if self.errored(reason) else reason.outcome.name


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """Everything one report is about."""

    title: str
    generated_at: datetime
    """Aware, UTC."""
    model: str
    """Registered model name."""
    registry: str
    """Registry address."""
    champion_version: str
    """Version the champion alias pointed to; empty when there was none."""
    policy: str
    """Policy name and version, e.g. ``baseline 1``."""
    updates: tuple[UpdateView, ...]
    environment: tuple[tuple[str, str], ...] = ()
    """Facts about where it ran, e.g. ``("torch", "2.9.0")``."""
    lineage: tuple[LineagePanel, ...] = ()
    """The champions so far against the anchor, by suite; empty where none was compared with one."""

    def counts(self) -> dict[str, int]:
        """Return how many updates had each outcome, in order of strictness."""
        words = [update.outcome_word for update in self.updates]
        return {word: words.count(word) for word in ("ADMIT", "REVIEW", "BLOCK", "ERROR")}
