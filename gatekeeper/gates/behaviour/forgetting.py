"""``behaviour/forgetting``: what the update cost outside its own subject.

Language modelling on reference prose (``prose.nll``, ``prose.nll_delta``, ``prose.kl``) and the share of
champion-right knowledge items that the candidate lost (``knowledge.forgotten_share``). The divergence is taken over
the reference's 64 likeliest tokens per position and one bucket for the rest: a lower bound of the full one, by the
data-processing inequality.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from gatekeeper.core.findings import GateReport, Metric
from gatekeeper.core.gate import GateContext, gate
from gatekeeper.gates.behaviour.comparison import (
    count_metric,
    evaluate,
    mean_metric,
    model_ref,
    paired_metric,
    write_samples,
)
from regression import Paired, Session, compare, compare_scores, proportion, text_kl

FEWEST_TOPICS = 2
"""Clusters below which a clustered error cannot be estimated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ForgettingParams:
    """What is asked, and at which level."""

    prose: str = "builtin:prose"
    """Reference text, by file or ``builtin:NAME``."""
    knowledge: str = "builtin:knowledge"
    """Multiple-choice items whose loss is counted."""
    alpha: float = 0.05
    """One-sided level of every bound."""


@gate("behaviour/forgetting", asks="What did the update cost outside its own subject?", params=ForgettingParams)
def behaviour_forgetting(context: GateContext, params: ForgettingParams) -> GateReport:
    """Report changes of likelihood and divergence on prose, and the share of knowledge lost.

    Source:
        Shenfeld et al. 2025, "RL's Razor": divergence from the earlier model predicts forgetting.
    """
    alpha = params.alpha
    prose = evaluate(context, params.prose)
    metrics: list[Metric] = [
        mean_metric("prose.nll", proportion(prose.candidate, alpha=alpha), alpha, unit="nats/token")
    ]
    attachments = [context.attach(write_samples(context, prose))]
    if context.champion is None or prose.champion is None:
        return behaviour_forgetting.measured(metrics=tuple(metrics), attachments=tuple(attachments))

    paired = compare(prose.candidate, prose.champion, alpha=alpha)
    metrics.append(paired_metric("prose.nll_delta", paired, alpha, unit="nats/token"))
    drifts = text_kl(
        context.resources.get(Session),
        model_ref(context.update.candidate),
        model_ref(context.champion),
        prose.suite,
    )
    divergence = _above_zero([drift.kl for drift in drifts], [drift.cluster for drift in drifts], alpha)
    metrics.append(paired_metric("prose.kl", divergence, alpha, unit="nats/token"))

    knowledge = evaluate(context, params.knowledge)
    if knowledge.champion is None:
        return behaviour_forgetting.unmeasured("The champion has no answers to compare with.")
    known = {item.id for item in knowledge.champion.items if item.score >= 1.0}
    still = [item for item in knowledge.candidate.items if item.id in known]
    if len({item.cluster for item in still}) < FEWEST_TOPICS:
        return behaviour_forgetting.unmeasured(
            f"The champion is right on {len(still)} items in fewer than {FEWEST_TOPICS} topics: too little to forget."
        )
    lost = _above_zero([1.0 - item.score for item in still], [item.cluster for item in still], alpha)
    metrics.append(paired_metric("knowledge.forgotten_share", lost, alpha))
    metrics.append(count_metric("knowledge.forgotten", lost.positive_flips, lost.n))
    return behaviour_forgetting.measured(metrics=tuple(metrics), attachments=tuple(attachments))


def _above_zero(values: Sequence[float], clusters: Sequence[str], alpha: float) -> Paired:
    """Return the clustered mean of values whose reference is zero by definition."""
    return compare_scores(values, [0.0] * len(values), clusters, alpha=alpha)
