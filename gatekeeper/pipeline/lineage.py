"""How far the champions of one model have moved from the anchor, promotion by promotion.

Read from the reports that the promotions stood on; nothing is measured anew. A version promoted again, as after a
rollback, stands once, where it first came.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from gatekeeper.core.digests import Plain
from gatekeeper.core.findings import Metric
from gatekeeper.pipeline.principal import CHAMPION
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import promotions, runs
from gatekeeper.store.tables import PromotionRow, RunRow

_GATE = "behaviour/regression"
_SUFFIX = ".anchor_delta"


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftPoint:
    """One champion's score against the anchor on one suite."""

    version: str
    suite: str
    anchor: str | None
    """Version it was compared with."""
    delta: float
    """Mean of candidate minus anchor, in the score's unit."""
    low: float | None
    """One-sided lower bound."""
    high: float | None
    """One-sided upper bound."""
    confidence: float | None
    """Level of each bound."""
    budget: float | None
    """Δ of the policy it was judged by: how far below the anchor it may be; ``None`` where the policy names none."""
    promoted: datetime | None


def drift_of(workspace: Workspace, model: str) -> tuple[DriftPoint, ...]:
    """Return every champion's points, oldest first; empty without a champion that was compared with an anchor.

    Raises:
        VerificationError: a stored report is not the one that was written down.
    """
    found: dict[str, tuple[DriftPoint, ...]] = {}
    with workspace.store.reading() as session:
        moves = promotions.history(session, registry_id=workspace.registry.id, model=model, alias=CHAMPION)
        for move in reversed(moves):
            if move.version not in found:
                found[move.version] = _points(session, move)
    return tuple(point for points in found.values() for point in points)


def _points(session: Session, move: PromotionRow) -> tuple[DriftPoint, ...]:
    run = runs.latest(session, move.update_id)
    if run is None:
        return ()
    report = next((each for each in runs.reports(session, run.id) if each.gate == _GATE), None)
    metrics = () if report is None else report.metrics
    return tuple(_point(move, run, metric) for metric in metrics if metric.name.endswith(_SUFFIX))


def _point(move: PromotionRow, run: RunRow, metric: Metric) -> DriftPoint:
    facts = run.environment if isinstance(run.environment, dict) else {}
    anchor = facts.get("anchor_version")
    return DriftPoint(
        version=move.version,
        suite=metric.name.removesuffix(_SUFFIX),
        anchor=None if anchor is None else str(anchor),
        delta=metric.value,
        low=metric.low,
        high=metric.high,
        confidence=metric.confidence,
        budget=_budget(run.policy, metric.name),
        promoted=move.finished,
    )


def _budget(policy: Plain, metric: str) -> float | None:
    """Return the margin of the first limit whose ``admit`` reads the metric; ``None`` where there is none."""
    rules = policy.get("gates") if isinstance(policy, dict) else None
    for rule in rules if isinstance(rules, list) else []:
        if not isinstance(rule, dict) or rule.get("gate") != _GATE:
            continue
        limits = rule.get("limits")
        for limit in limits if isinstance(limits, list) else []:
            if isinstance(limit, dict) and f'"{metric}"' in str(limit.get("admit")):
                margin = limit.get("margin")
                return float(margin) if isinstance(margin, int | float) else None
    return None
