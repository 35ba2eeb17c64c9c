"""Runs gates over one update, cheapest family first, and hands back every report with its time.

Order: artifact, data, weights, behaviour; inside a family the order of the policy. Two things end a run early, and
both name what was left out: the policy's own ``stop_early`` once a BLOCK is certain, and the rule that a candidate
whose artifact or weight gates did not all pass is never loaded, whatever the policy says. A gate that raises is
ERRORED, which never counts as a pass; an interrupt passes through.
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gatekeeper.core.errors import GatekeeperError
from gatekeeper.core.findings import GateReport
from gatekeeper.core.gate import FAMILIES, Family, Gate, GateContext
from gatekeeper.core.verdict import Outcome
from policies.decide import block_is_certain, may_load
from policies.policy import GateRule, Policy, Section
from policies.votes import votes_of

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRun:
    """One gate's report and what it cost."""

    report: GateReport
    seconds: float
    """Wall time; never part of the evidence digest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Collected:
    """All reports of one run."""

    runs: tuple[GateRun, ...]
    not_run: tuple[str, ...]
    """Gates left out, in the order they would have run."""

    @property
    def reports(self) -> Mapping[str, GateReport]:
        """Reports by gate id."""
        return {run.report.gate: run.report for run in self.runs}


class Watcher:
    """Told when each gate starts and ends; the command line draws it. Does nothing by default."""

    def begin(self, gates: tuple[str, ...]) -> None:
        """All gates that may run, in order."""

    def started(self, gate: Gate[Any]) -> None:
        """One gate begins."""

    def finished(self, run: GateRun, outcome: Outcome) -> None:
        """One gate ended, and this is how its rules vote."""

    def skipped(self, gates: tuple[str, ...]) -> None:
        """These gates will not run."""

    def inside(self, done: int, total: int) -> None:
        """The evaluation engine has done so many items of so many."""


def collect(
    policy: Policy,
    section: Section,
    catalogue: Mapping[str, Gate[Any]],
    measure: Callable[[Gate[Any], GateRule], GateRun],
    *,
    watcher: Watcher,
) -> Collected:
    """Run the gates a section of the policy requires.

    Args:
        policy: names the gates, and whether to stop early.
        section: which list of it applies.
        catalogue: every known gate by id.
        measure: runs one gate and keeps its report before it returns, so that a crash loses at most one.
        watcher: told of progress.
    """
    ordered = sorted(policy.rules(section), key=lambda rule: FAMILIES.index(catalogue[rule.gate].family))
    watcher.begin(tuple(rule.gate for rule in ordered))
    runs: list[GateRun] = []
    not_run: list[str] = []
    reports: dict[str, GateReport] = {}
    sound = True  # no weight gate blocks: tensors that do not fit are never loaded either
    for family in FAMILIES:
        members = [rule for rule in ordered if catalogue[rule.gate].family is family]
        stopped = policy.stop_early and block_is_certain(policy, reports, section=section)
        unsafe = family is Family.BEHAVIOUR and not (sound and may_load(policy, reports, section=section))
        if stopped or unsafe:
            not_run += (left_out := tuple(rule.gate for rule in members))
            watcher.skipped(left_out)
            continue
        for rule in members:
            gate = catalogue[rule.gate]
            watcher.started(gate)
            run = measure(gate, rule)
            runs.append(run)
            reports[gate.id] = run.report
            strictest = max(vote.outcome for vote in votes_of(rule, run.report))
            sound &= family is not Family.WEIGHTS or strictest is not Outcome.BLOCK
            watcher.finished(run, strictest)
    return Collected(runs=tuple(runs), not_run=tuple(not_run))


def folder_of(evidence_dir: Path, gate_id: str) -> Path:
    """Return the folder of a gate's attachments below those of its run."""
    return evidence_dir / gate_id.replace("/", "-")


def run_gate(
    gate: Gate[Any], rule: GateRule, make_context: Callable[[Path], GateContext], evidence_dir: Path
) -> GateRun:
    """Run one gate in this process; whatever it raises becomes its report, an interrupt excepted.

    Args:
        gate: which.
        rule: how it measures.
        make_context: context for a gate's evidence folder.
        evidence_dir: the gate gets a folder of its own below it.
    """
    workdir = folder_of(evidence_dir, gate.id)
    workdir.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    try:
        report = gate(make_context(workdir), rule.params)
    except GatekeeperError as error:
        report = gate.errored(str(error))
    except (Exception, SystemExit) as error:
        # SystemExit too: a library that ends the process with 0 must not read as an admission.
        log.exception("gate %s failed", gate.id)
        report = gate.errored(f"{type(error).__name__}: {error}")
    return GateRun(report=report, seconds=time.monotonic() - began)
