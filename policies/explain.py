"""Why a verdict is what it is, rule by rule, and what a policy asks before anything has run."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

from gatekeeper.core.findings import GateReport
from gatekeeper.core.verdict import Outcome, Verdict
from policies.expression import Better, Comparison, Reference, RuleError, Source, comparison, references
from policies.policy import GateRule, Limit, Policy, Section
from policies.rules import reference_number
from policies.sentences import margin_unit, write_number
from policies.votes import Vote, votes_of
from policies.waivers import with_waivers

_PLAIN_SIGNS = {">": "above", ">=": "at least", "<": "below", "<=": "at most", "==": "exactly"}
_PLAIN_FIELDS = {"value": "", "low": "the lower bound of ", "high": "the upper bound of ", "n": "the item count of "}


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One vote with everything that went into it."""

    gate: str
    id: str
    """Limit id, or ``missing``, ``errored``, ``unmeasured`` for the gate as a whole."""
    outcome: Outcome
    errored: bool
    """True when the vote stands for something that could not be evaluated."""
    text: str
    """The sentence, with numbers."""
    admit: str = ""
    """The rule for admitting, as written; empty for the gate as a whole."""
    block: str = ""
    """The rule for blocking, as written; empty when there is none."""
    numbers: tuple[tuple[str, float | None], ...] = ()
    """Every number the rules refer to; ``None`` where it was missing or unusable."""
    metric: str = ""
    """The metric the limit is about, when it is about one; then the fields below describe it."""
    unit: str = ""
    value: float | None = None
    low: float | None = None
    high: float | None = None
    threshold: float | None = None
    """Where the limit lies on the metric's axis: −0.05 for "not more than 5 points lower"."""
    better: Better | None = None
    """On which side of the threshold the update is welcome."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a policy asks of one gate, in words."""

    gate: str
    asks: str
    """The gate's question."""
    params: tuple[tuple[str, str], ...]
    """How it measures: every parameter with its value."""
    unmeasured: Outcome
    """What happens when it cannot measure."""
    limits: tuple[tuple[str, str], ...]
    """Limit id and what it asks, one sentence each."""


def explain(
    policy: Policy, reports: Mapping[str, GateReport], verdict: Verdict, *, section: Section = "gates"
) -> tuple[Line, ...]:
    """Return one line per vote, in the policy's order, leaving out the gates the verdict says were not run.

    Raises:
        RuntimeError: the verdict was made by another policy; its lines would explain nothing.
    """
    if verdict.policy_digest != policy.digest:
        raise RuntimeError("this verdict was made by another policy or another version of it")
    votes = [
        vote
        for rule in policy.rules(section)
        if rule.gate not in verdict.not_run
        for vote in votes_of(rule, reports.get(rule.gate))
    ]
    after, _counted = with_waivers(
        policy, votes, reports, verdict.waived, update_digest=verdict.update_digest, section=section
    )
    return tuple(_line(vote, reports.get(vote.reason.gate)) for vote in after)


def explain_policy(policy: Policy, *, section: Section = "gates") -> tuple[Asked, ...]:
    """Return what the policy asks of each gate, without any run."""
    return tuple(_asked(rule) for rule in policy.rules(section))


def _asked(rule: GateRule) -> Asked:
    params = rule.params
    fields = dataclasses.fields(params) if dataclasses.is_dataclass(params) else ()
    return Asked(
        gate=rule.gate,
        asks=rule.asks,
        params=tuple((field.name, str(getattr(params, field.name))) for field in fields),
        unmeasured=rule.unmeasured,
        limits=tuple((limit.id, limit_in_words(limit)) for limit in rule.limits),
    )


def limit_in_words(limit: Limit) -> str:
    """Return what ``limit`` asks, e.g. ``admits when the lower bound of x is above −5 points; else blocks``."""
    parts = [f"Admits when {_rule_in_words(limit.admit, limit)}"]
    if limit.block is not None:
        parts.append(f"blocks when {_rule_in_words(limit.block, limit)}")
    parts.append("otherwise asks for a review" if limit.otherwise is Outcome.REVIEW else "otherwise blocks")
    return "; ".join(parts) + "."


def _rule_in_words(rule: str, limit: Limit) -> str:
    compared = comparison(rule, margin=limit.margin)
    if compared is None:
        return rule
    reference = compared.reference
    return f"{_subject(reference)} is {_PLAIN_SIGNS[compared.sign]} {write_number(compared.threshold, _form(limit))}"


def _subject(reference: Reference) -> str:
    match reference.source:
        case Source.CODE:
            return f"the number of findings {reference.name}"
        case Source.SEVERITY:
            return f"the number of {reference.name} findings"
        case _:
            return _PLAIN_FIELDS.get(reference.field, f"the {reference.field} of ") + reference.name


def _form(limit: Limit) -> str:
    because = limit.because
    return next(filter(None, map(margin_unit, (because.admit, because.review, because.block))), "")


def _line(vote: Vote, report: GateReport | None) -> Line:
    reason, limit = vote.reason, vote.limit
    id_ = reason.code.rpartition("/")[2]
    if limit is None or report is None:
        return Line(gate=reason.gate, id=id_, outcome=vote.outcome, errored=vote.errored, text=reason.text)
    line = Line(
        gate=reason.gate,
        id=id_,
        outcome=vote.outcome,
        errored=vote.errored,
        text=reason.text,
        admit=limit.admit,
        block=limit.block or "",
        numbers=_numbers(limit, report),
    )
    compared = comparison(limit.admit, margin=limit.margin)
    return line if compared is None else _about(line, compared, report)


def _numbers(limit: Limit, report: GateReport) -> tuple[tuple[str, float | None], ...]:
    needed = {reference for rule in (limit.admit, limit.block) if rule for reference in references(rule)}
    return tuple((str(reference), _number(reference, report, limit.margin)) for reference in sorted(needed))


def _number(reference: Reference, report: GateReport, margin: float | None) -> float | None:
    try:
        return reference_number(reference, report, margin=margin)
    except RuleError:
        return None


def _about(line: Line, compared: Comparison, report: GateReport) -> Line:
    metric = report.metric(compared.reference.name) if compared.reference.source is Source.METRIC else None
    if metric is None:
        return line
    return dataclasses.replace(
        line,
        metric=metric.name,
        unit=metric.unit,
        value=metric.value,
        low=metric.low,
        high=metric.high,
        threshold=compared.threshold,
        better=compared.better,
    )
