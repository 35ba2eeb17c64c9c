"""``behaviour/regression``: the candidate against champion and anchor, item by item, on the suites the policy names.

Metrics per suite: ``<suite>.accuracy``, and where there is a champion ``<suite>.delta``, ``<suite>.negative_flips``
and ``<suite>.anchor_delta``.
"""

from dataclasses import dataclass

from gatekeeper.core.findings import Attachment, Finding, GateReport, Metric
from gatekeeper.core.gate import GateContext, gate
from gatekeeper.gates.behaviour.comparison import (
    count_metric,
    evaluate,
    flip_findings,
    lost_items,
    mean_metric,
    paired_metric,
    write_samples,
)
from regression import compare, proportion


@dataclass(frozen=True, slots=True, kw_only=True)
class RegressionParams:
    """What is asked, and at which level."""

    suites: tuple[str, ...] = ("builtin:knowledge", "builtin:instructions")
    """Suites by file or ``builtin:NAME``."""
    alpha: float = 0.05
    """One-sided level of every bound."""


@gate(
    "behaviour/regression", asks="Does the candidate still know and do what the champion did?", params=RegressionParams
)
def behaviour_regression(context: GateContext, params: RegressionParams) -> GateReport:
    """Report paired differences per suite, with every lost item."""
    metrics: list[Metric] = []
    findings: list[Finding] = []
    attachments: list[Attachment] = []
    for source in params.suites:
        triple = evaluate(context, source)
        name = triple.suite.name
        metrics.append(mean_metric(f"{name}.accuracy", proportion(triple.candidate, alpha=params.alpha), params.alpha))
        if triple.champion is not None:
            paired = compare(triple.candidate, triple.champion, alpha=params.alpha)
            lost = lost_items(triple.candidate, triple.champion)
            metrics.append(paired_metric(f"{name}.delta", paired, params.alpha))
            metrics.append(count_metric(f"{name}.negative_flips", len(lost), paired.n))
            findings += flip_findings("behaviour/regression/negative-flip", triple.suite, lost)
        if triple.anchor is not None:
            paired = compare(triple.candidate, triple.anchor, alpha=params.alpha)
            metrics.append(paired_metric(f"{name}.anchor_delta", paired, params.alpha))
        attachments.append(context.attach(write_samples(context, triple)))
    if not metrics:
        return behaviour_regression.unmeasured("The policy names no suite.")
    return behaviour_regression.measured(
        metrics=tuple(metrics), findings=tuple(findings), attachments=tuple(attachments)
    )
