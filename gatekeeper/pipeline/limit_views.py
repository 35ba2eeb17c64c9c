"""A verdict's limits as reports and pages show them."""

from collections.abc import Mapping

from audits.reports.model import LimitView
from gatekeeper.core.findings import GateReport
from gatekeeper.core.verdict import Verdict
from policies.explain import explain
from policies.policy import Policy, Section


def limit_views(
    policy: Policy, reports: Mapping[str, GateReport], verdict: Verdict, *, compared: bool
) -> tuple[LimitView, ...]:
    """Return every limit that the verdict rests on, in the policy's order.

    Args:
        policy: the one that decided.
        reports: by gate.
        verdict: what was decided.
        compared: whether there was a champion; a first one is held against ``certify``.
    """
    section: Section = "gates" if compared else "certify"
    return tuple(
        LimitView(
            gate=line.gate,
            id=line.id,
            outcome=line.outcome,
            text=line.text,
            errored=line.errored,
            metric=line.metric,
            unit=line.unit,
            value=line.value,
            low=line.low,
            high=line.high,
            margin=line.threshold,
            better=line.better.value if line.better is not None else "",
        )
        for line in explain(policy, reports, verdict, section=section)
    )
