"""How every behaviour gate turns item results into metrics, findings and sample files.

A gate evaluates the candidate, the champion and the anchor on the same items, pairs them item by item, and reports
differences with one-sided bounds. Nothing here holds a margin: whether a difference is tolerable is the policy's word.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from gatekeeper.core.findings import Finding, Metric, Severity
from gatekeeper.core.gate import GateContext
from gatekeeper.core.update import Artifact
from regression import (
    ModelRef,
    Paired,
    Proportion,
    Session,
    Suite,
    SuiteResult,
    open_suite,
)

_SHOWN = 160

MAX_NAMED_ITEMS = 20
"""Lost items named as findings per suite; the sample file and the count metric hold all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Triple:
    """One suite as the candidate and its references answered it."""

    suite: Suite
    candidate: SuiteResult
    champion: SuiteResult | None
    anchor: SuiteResult | None


def model_ref(artifact: Artifact) -> ModelRef:
    """Return the artifact as the evaluation engine names models."""
    return ModelRef(base=artifact.model_path, adapter=artifact.adapter_path)


def evaluate(context: GateContext, source: str) -> Triple:
    """Evaluate one suite on candidate, champion and anchor; results known by content cost nothing."""
    session = context.resources.get(Session)
    suite = open_suite(source)
    context.progress.start(f"{suite.name}: candidate", None)
    candidate = session.evaluate(model_ref(context.update.candidate), suite)
    champion = anchor = None
    if context.champion is not None:
        context.progress.start(f"{suite.name}: champion", None)
        champion = session.evaluate(model_ref(context.champion), suite)
    if context.anchor is not None:
        context.progress.start(f"{suite.name}: anchor", None)
        anchor = session.evaluate(model_ref(context.anchor), suite)
    return Triple(suite=suite, candidate=candidate, champion=champion, anchor=anchor)


def aligned(candidate: SuiteResult, reference: SuiteResult) -> tuple[list[float], list[float], list[str]]:
    """Return both sides' scores and the clusters, one entry per item, in suite order."""
    theirs = {item.id: item.score for item in reference.items}
    return (
        [item.score for item in candidate.items],
        [theirs[item.id] for item in candidate.items],
        [item.cluster for item in candidate.items],
    )


def paired_metric(name: str, paired: Paired, alpha: float, unit: str = "share") -> Metric:
    """Return a mean paired difference with its one-sided bounds at level 1 − alpha."""
    return _bounded(name, paired.delta, paired, alpha, unit)


def mean_metric(name: str, estimate: Proportion, alpha: float, unit: str = "share") -> Metric:
    """Return a mean score with its one-sided bounds at level 1 − alpha."""
    return _bounded(name, estimate.mean, estimate, alpha, unit)


def _bounded(name: str, value: float, bounds: Paired | Proportion, alpha: float, unit: str) -> Metric:
    return Metric(
        name=name,
        value=value,
        low=bounds.low,
        high=bounds.high,
        confidence=1 - alpha,
        unit=unit,
        n=bounds.n,
        method=bounds.method,
    )


def count_metric(name: str, count: int, n: int) -> Metric:
    """Return an exact count of items."""
    return Metric(name=name, value=float(count), unit="items", n=n)


def lost_items(candidate: SuiteResult, reference: SuiteResult) -> tuple[str, ...]:
    """Return ids of items the reference got right and the candidate does not (negative flips), in suite order.

    Source:
        Yan et al. 2021, "Positive-Congruent Training", negative flip rate.
    """
    right = {item.id for item in reference.items if item.score >= 1.0}
    return tuple(item.id for item in candidate.items if item.id in right and item.score < 1.0)


def reading_findings(code: str, triple: Triple) -> tuple[Finding, ...]:
    """Return a finding for each reference whose tokenizer or template makes other tokens of the same items.

    The texts asked are the same, so the comparison stands; but a changed tokenizer also changes what every other
    prompt means to the model.
    """
    others = {"champion": triple.champion, "anchor": triple.anchor}
    return tuple(
        Finding(
            code=code,
            severity=Severity.MEDIUM,
            confidence=1.0,
            subject=triple.suite.name,
            message=f"Candidate and {name} read the same items of {triple.suite.name} as different tokens.",
        )
        for name, other in others.items()
        if other is not None and other.inputs_digest != triple.candidate.inputs_digest
    )


def flip_findings(code: str, suite: Suite, ids: tuple[str, ...]) -> tuple[Finding, ...]:
    """Return one finding per lost item, the first :data:`MAX_NAMED_ITEMS` of them."""
    asked = questions(suite)
    return tuple(
        Finding(
            code=code,
            severity=Severity.LOW,
            confidence=1.0,
            subject=item_id,
            message=f"Right in the champion, wrong in the candidate: {asked[item_id]}",
        )
        for item_id in ids[:MAX_NAMED_ITEMS]
    )


def questions(suite: Suite) -> dict[str, str]:
    """Return what each item asks, by id, short enough for a report."""
    return {item.id: item.question[:_SHOWN] for item in suite.items}


def write_samples(context: GateContext, triple: Triple) -> str:
    """Write one JSON line per item with every model's score; return the file's name.

    The first line names the suite by its digest, so that evidence from a suite that was changed is other evidence.
    """
    name = f"samples-{triple.suite.name}.jsonl"
    others: Mapping[str, SuiteResult | None] = {"champion": triple.champion, "anchor": triple.anchor}
    scores = {
        label: {item.id: item.score for item in result.items} for label, result in others.items() if result is not None
    }
    with (context.workdir / name).open("w", encoding="utf-8") as stream:
        stream.write(json.dumps({"suite": triple.suite.name, "digest": triple.suite.digest}) + "\n")
        for item in triple.candidate.items:
            line: dict[str, object] = {"id": item.id, "cluster": item.cluster, "candidate": item.score}
            line |= {label: by_id[item.id] for label, by_id in scores.items()}
            if item.text is not None:
                line["reply"] = item.text
            stream.write(json.dumps(line, ensure_ascii=False, sort_keys=True) + "\n")
    return name
