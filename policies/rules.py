"""Evaluating one rule against one gate's report.

A rule holds, does not hold, or cannot be evaluated; the third never counts as the first. Every number a rule refers
to must exist, once, and be finite before CEL sees the rule. All numbers reach CEL as doubles; a finding code that
did not occur counts 0.
"""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING

from gatekeeper.core.findings import GateReport, Metric
from policies.expression import Reference, RuleError, Source, references

if TYPE_CHECKING:
    from cel import Program

_PROBES = (0.0, 0.5, 2.0)
"""Values every number takes when a rule is tried at load time."""
_MOST_PROBED = 4
"""Numbers tried in every combination; further ones move together, so that the trial stays short."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What one rule said of one report."""

    holds: bool | None
    """``None`` when the rule could not be evaluated."""
    problem: str = ""
    """Why not; empty when it could."""


def compile_rule(expression: str, *, margin: float | None) -> None:
    """Return when ``expression`` is a rule that always answers yes or no.

    It is parsed, its references are checked, and it is tried on made-up numbers, so that a mistake of type shows
    when the policy loads and not when an update is judged.

    Raises:
        RuleError: it is not; the message says why.
    """
    needed = references(expression)
    if margin is None and any(reference.source is Source.MARGIN for reference in needed):
        raise RuleError("it uses margin, but its limit has no margin")
    for values in trials(needed, margin=margin):
        _run(expression, values)


def trials(
    needed: tuple[Reference, ...], *, margin: float | None, probes: tuple[float, ...] = _PROBES
) -> list[dict[Reference, float]]:
    """Return made-up numbers for ``needed``: every combination of ``probes`` over the first few of them."""
    free = [reference for reference in needed if reference.source is not Source.MARGIN]
    fixed = {Reference(source=Source.MARGIN): margin} if margin is not None else {}
    return [
        fixed | {reference: point[min(place, len(point) - 1)] for place, reference in enumerate(free)}
        for point in product(probes, repeat=min(len(free), _MOST_PROBED))
    ]


def holds_for(expression: str, values: Mapping[Reference, float]) -> bool:
    """Return whether the rule holds for these numbers.

    Raises:
        RuleError: CEL could not answer yes or no.
    """
    return _run(expression, values)


def evaluate(expression: str, report: GateReport, *, margin: float | None) -> Answer:
    """Return what ``expression`` says of ``report``. Never raises: a rule that fails has no answer."""
    try:
        values = numbers_for(expression, report, margin=margin)
        return Answer(holds=_run(expression, values))
    except RuleError as error:
        return Answer(holds=None, problem=str(error))


def numbers_for(expression: str, report: GateReport, *, margin: float | None) -> dict[Reference, float]:
    """Return every number the rule needs, read from ``report``.

    Raises:
        RuleError: one is missing, ambiguous or not finite.
    """
    return {reference: reference_number(reference, report, margin=margin) for reference in references(expression)}


def reference_number(reference: Reference, report: GateReport, *, margin: float | None) -> float:
    """Return one number of ``report``.

    Raises:
        RuleError: it is missing, ambiguous or not finite.
    """
    match reference.source:
        case Source.MARGIN:
            if margin is None or not math.isfinite(margin):
                raise RuleError("its limit has no margin")
            return margin
        case Source.CODE:
            return float(sum(finding.code == reference.name for finding in report.findings))
        case Source.SEVERITY:
            counts = Counter(finding.severity.name.lower() for finding in report.findings)
            return float(counts[reference.name])
        case Source.METRIC:
            return _field(reference, _metric(reference.name, report))


def _metric(name: str, report: GateReport) -> Metric:
    found = [metric for metric in report.metrics if metric.name == name]
    if len(found) != 1:
        times = "no metric" if not found else f"{len(found)} metrics"
        raise RuleError(f"{report.gate} reported {times} named {name}")
    return found[0]


def _field(reference: Reference, metric: Metric) -> float:
    bounds = {"low": metric.low, "high": metric.high, "confidence": metric.confidence}
    value = bounds.get(reference.field) if reference.field in bounds else float(getattr(metric, reference.field))
    if value is None:
        raise RuleError(f"{metric.name} came without {reference.field}")
    if not math.isfinite(value):
        raise RuleError(f"{metric.name}.{reference.field} is {value}, not a number")
    if metric.low is not None and metric.high is not None and not metric.low <= metric.high:
        raise RuleError(f"the bounds of {metric.name} contradict each other ({metric.low} and {metric.high})")
    return float(value)


def _run(expression: str, values: Mapping[Reference, float]) -> bool:
    scope: dict[str, object] = {"m": {}, "f": {}, "sev": {}}
    metrics: dict[str, dict[str, float]] = {}
    for reference, value in values.items():
        if reference.source is Source.METRIC:
            metrics.setdefault(reference.name, {})[reference.field] = value
        elif reference.source is Source.MARGIN:
            scope["margin"] = value
        else:
            named = scope[reference.source.value]
            if isinstance(named, dict):
                named[reference.name] = value
    scope["m"] = metrics
    program = _program(expression)
    try:
        answer = program.execute(scope)
    except Exception as error:
        raise RuleError(_first_sentence(error)) from error
    if not isinstance(answer, bool):
        raise RuleError(f"it answers with {type(answer).__name__}, not with true or false")
    return answer


@lru_cache(maxsize=512)
def _program(expression: str) -> "Program":
    import cel

    try:
        return cel.compile(expression)
    except Exception as error:
        raise RuleError(_first_sentence(error)) from error


def _first_sentence(error: Exception) -> str:
    """Return the engine's message without its drawing and advice; mixing whole and decimal numbers is explained."""
    text = str(error).splitlines()[0] if str(error) else type(error).__name__
    if "No such overload" in text or "Unsupported operation" in text:
        return "it mixes kinds of values: every measured number is a decimal, so write 2.0, not 2, in arithmetic"
    _, _, syntax = text.partition("Syntax error: ")
    return (syntax.partition(" expecting ")[0] if syntax else text)[:200]
