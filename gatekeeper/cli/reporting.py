"""Turns evaluated updates into the view reports are drawn from, and writes the reports a command was asked for."""

import dataclasses
from datetime import UTC, datetime

from audits.reports.lineage_plot import LineagePanel
from audits.reports.model import RunView, UpdateView
from audits.reports.write import write_report
from gatekeeper.pipeline.limit_views import limit_views
from gatekeeper.pipeline.outcome import Checked
from gatekeeper.pipeline.workspace import environment
from policies.policy import Policy


def write_reports(
    results: tuple[Checked, ...],
    targets: tuple[str, ...],
    *,
    model: str,
    title: str,
    lineage: tuple[LineagePanel, ...] = (),
) -> None:
    """Write every report asked for, each given as FORMAT=FILE; ``lineage`` is the champions so far.

    Raises:
        UsageError: a file cannot be written.
    """
    if not targets:
        return
    view = dataclasses.replace(run_view(results, model=model, title=title), lineage=lineage)
    for target in targets:
        write_report(view, target)


def run_view(results: tuple[Checked, ...], *, model: str, title: str) -> RunView:
    """Return what a report about these updates shows."""
    facts = environment()
    libraries = facts.pop("libraries")
    shown = {**facts, **(libraries if isinstance(libraries, dict) else {})}
    policy = results[0].policy
    return RunView(
        title=title,
        generated_at=datetime.now(UTC),
        model=model,
        registry="MLflow",
        champion_version=results[0].champion_version or "",
        policy=policy_words(policy),
        updates=tuple(_update_view(result) for result in results),
        environment=tuple((key, str(value)) for key, value in shown.items()),
    )


def policy_words(policy: Policy) -> str:
    """Return a policy as reports name it; one that lets a single person decide says so in every one of them."""
    alone = ", single person: one signature stands where two are asked for" if policy.approvals.single_person else ""
    return f"{policy.name} {policy.version}{alone}"


def _update_view(result: Checked) -> UpdateView:
    return UpdateView(
        name=result.name,
        id=result.update_id,
        kind=result.update.candidate.kind.value,
        digest=result.update.digest,
        state=result.state,
        verdict=result.verdict,
        reports=tuple(run.report for run in result.runs),
        limits=limit_views(
            result.policy, result.reports, result.verdict, compared=result.champion_version is not None
        ),
        seconds=result.seconds,
        data=result.update.data.path.name if result.update.data else "",
        gate_seconds=tuple((run.report.gate, run.seconds) for run in result.runs),
    )
