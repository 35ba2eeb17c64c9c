"""What was measured about an update, and the limits it was held against, as reports draw it.

Limits are those of the policy that decided. Where the present policy is another one, the verdict's own reasons stand
alone, and no limit is drawn that nobody applied.
"""

import dataclasses
from dataclasses import dataclass

from markupsafe import Markup

from api.dashboard.masking import Flagged, flagged
from api.dashboard.visit import Visit
from api.finding import judged, policy_or_none, update_at
from audits.reports.forest import Panel, forest, panels_of_update
from audits.reports.model import LimitView, UpdateView
from gatekeeper.core.findings import GateReport
from gatekeeper.core.verdict import Reason
from gatekeeper.pipeline.limit_views import limit_views
from gatekeeper.store import runs


@dataclass(frozen=True, slots=True, kw_only=True)
class GateView:
    """One gate's part in a verdict."""

    gate: str
    asks: str
    """Its question; empty for a gate that is no longer there."""
    report: GateReport | None
    """``None`` where it was not run, or has not reported."""
    seconds: float | None
    votes: tuple[tuple[str, Reason], ...]
    """Word and reason of each."""
    limits: tuple[LimitView, ...]
    plots: tuple[tuple[Panel, Markup], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """Everything that the newest run says."""

    view: UpdateView
    gates: tuple[GateView, ...]
    flagged: tuple[Flagged, ...]
    explained: bool
    """Whether the present policy is the one that decided, so that its limits can be shown."""
    policy_name: str


def evidence_of(visit: Visit, update_id: str) -> Evidence:
    """Return the evidence about an update.

    Raises:
        Problem: this person may not see it, or there is no verdict.
    """
    visit.require("GET", "/v1/updates/{update_id}/evidence")
    visit.require("GET", "/v1/updates/{update_id}/findings")
    call = visit.call()
    policy = policy_or_none(call)
    with call.service.workspace.store.reading() as session:
        row = update_at(session, update_id)
        run, verdict = judged(session, row)
        reports = runs.reports(session, run.id)
        took = runs.seconds(session, run.id)
    explained = policy is not None and policy.digest == verdict.policy_digest
    view = UpdateView(
        name=row.name,
        id=row.id,
        kind=row.kind.value,
        digest=verdict.update_digest,
        state=row.state,
        verdict=verdict,
        reports=reports,
        limits=limit_views(
            policy, {each.gate: each for each in reports}, verdict, compared=row.champion_version is not None
        )
        if policy is not None and explained
        else (),
        seconds=sum(took.values()),
        gate_seconds=tuple(took.items()),
    )
    return Evidence(
        view=view,
        gates=tuple(_gate(visit, view, gate, took.get(gate)) for gate in view.gates),
        flagged=flagged(reports, sees_rows=visit.sees_rows),
        explained=explained,
        policy_name=run.policy_name,
    )


def _gate(visit: Visit, view: UpdateView, gate: str, seconds: float | None) -> GateView:
    known = visit.service.workspace.catalogue.get(gate)
    limits = tuple(each for each in view.limits if each.gate == gate)
    alone = dataclasses.replace(view, limits=limits)
    return GateView(
        gate=gate,
        asks="" if known is None else known.asks,
        report=view.report(gate),
        seconds=seconds,
        votes=tuple((view.word(each), each) for each in view.verdict.reasons if each.gate == gate),
        limits=limits,
        plots=tuple((panel, forest(panel)) for panel in panels_of_update(alone)),
    )
