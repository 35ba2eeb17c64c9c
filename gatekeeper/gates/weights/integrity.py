"""The candidate's tensors: readable, finite, and of the shapes that the model they change has.

No framework loads anything. Whatever is wrong with the candidate is a measured answer; only a base or champion that
cannot be read leaves the question open. A size that cannot be bounded is infinite, so that no limit admits it.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath

from gatekeeper.core.findings import Finding, GateReport, Metric, Severity
from gatekeeper.core.gate import GateContext, NoParams, gate
from gatekeeper.core.update import Artifact, UpdateKind
from gatekeeper.gates.weights.adapter_fit import Fit, fit_adapter, relative_difference
from gatekeeper.gates.weights.tensor_folder import Located, TensorFolder, read_model_tensors, read_own_tensors
from gatekeeper.intake.artifact import ADAPTER_CONFIG, MODEL_CONFIG
from gatekeeper.intake.manifest import BASE_ENTRY
from gatekeeper.intake.strict_json import StrictJsonError, read_json_object
from gatekeeper.intake.tensor_values import ValueSummary, summarise

GATE = "weights/integrity"
_MOST_FINDINGS = 20
"""Per code; metrics count all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Values:
    """What the values of every tensor are like."""

    summaries: Mapping[str, ValueSummary]
    unreadable: tuple[tuple[str, str], ...]


@gate(GATE, asks="Do the tensors load, are they finite, and do they fit the base they name?", params=NoParams)
def weights_integrity(context: GateContext, params: NoParams) -> GateReport:
    """Report every tensor that cannot be read, is not finite or does not fit, and how large the change is."""
    del params
    candidate = context.update.candidate
    own = read_own_tensors(candidate.path, candidate.kind)
    values = _read_values(context, own)
    target = _target(context)
    against = read_model_tensors(target) if target is not None else None
    findings = [*_value_findings(own, values)]
    if against is not None and (against.problems or not against.tensors):
        why = next((sentence for _, sentence in against.problems), "it holds no safetensors")
        return weights_integrity.unmeasured(
            f"The model to compare with in {target} cannot be read: {why}", findings=tuple(findings)
        )
    fit, broken = _fit(candidate, own, against)
    findings += _fit_findings(candidate, fit, total=len(own.tensors))
    names = list(_base_name_findings(candidate))
    findings += names
    problems = (*own.problems, *values.unreadable, *broken)
    findings += _capped("unreadable", Severity.CRITICAL, broken)
    moved = list(_base_findings(context))
    return weights_integrity.measured(
        metrics=(
            *_metrics(own, values, fit, unreadable=len(problems), names=len(names), compared=against is not None),
            Metric(name="base_changed", value=len(moved), unit="models", n=1),
        ),
        findings=(*findings, *moved),
    )


def _base_findings(context: GateContext) -> Iterator[Finding]:
    """Yield a finding when the candidate stands on other base bytes than the champion does."""
    ours, theirs = (
        {entry.path: entry.sha256 for entry in artifact.manifest.entries}.get(BASE_ENTRY) if artifact else None
        for artifact in (context.update.candidate, context.champion)
    )
    if ours is not None and theirs is not None and ours != theirs:
        yield Finding(
            code=f"{GATE}/base-changed",
            severity=Severity.CRITICAL,
            confidence=1.0,
            subject=BASE_ENTRY,
            message="The candidate stands on another base model than the champion; that base was never certified.",
        )


def _target(context: GateContext) -> Path | None:
    """Return the folder of the model whose shapes the candidate must have."""
    candidate = context.update.candidate
    if candidate.base is not None:
        return candidate.base
    return context.champion.model_path if context.champion is not None else None


def _read_values(context: GateContext, own: TensorFolder) -> _Values:
    context.progress.start("reading tensors", len(own.tensors))
    summaries: dict[str, ValueSummary] = {}
    unreadable: list[tuple[str, str]] = []
    for name, found in own.tensors.items():
        try:
            summaries[name] = summarise(found.file, found.entry)
        except OSError as error:
            unreadable.append((name, f"Its values cannot be read: {error}."))
        context.progress.advance()
    return _Values(summaries=summaries, unreadable=tuple(unreadable))


def _fit(
    candidate: Artifact, own: TensorFolder, against: TensorFolder | None
) -> tuple[Fit, tuple[tuple[str, str], ...]]:
    """Return the fit, and what ended it early if anything did."""
    if against is None or candidate.kind is UpdateKind.UNKNOWN or not own.tensors:
        return Fit(), ()
    try:
        if candidate.kind is UpdateKind.FULL_WEIGHTS:
            return _fit_full(own.tensors, against.tensors), ()
        fit = fit_adapter(
            own.tensors,
            against.tensors,
            kind=candidate.kind,
            config=_config(candidate.path / ADAPTER_CONFIG),
            base_config=_config(candidate.model_path / MODEL_CONFIG),
        )
    except OSError as error:
        return Fit(), ((".", f"The tensors cannot be compared: {error}."),)
    return fit, ()


def _fit_full(ours: Mapping[str, Located], theirs: Mapping[str, Located]) -> Fit:
    fit = Fit(missing_modules=set(theirs.keys() - ours.keys()))
    for name, found in ours.items():
        other = theirs.get(name)
        if other is None:
            fit.misfits.append((name, "The model in use has no tensor of this name."))
        elif other.entry.shape != found.entry.shape:
            why = f"Its shape is {list(found.entry.shape)}, that of the model in use {list(other.entry.shape)}."
            fit.misfits.append((name, why))
        else:
            fit.relative_norms[name] = relative_difference(found, other)
            continue
        fit.relative_norms[name] = math.inf
    return fit


def _value_findings(own: TensorFolder, values: _Values) -> Iterator[Finding]:
    yield from _capped("unreadable", Severity.CRITICAL, (*own.problems, *values.unreadable))
    bad = [
        (name, f"{one.not_finite} of its {one.count} values are NaN or infinite.")
        for name, one in values.summaries.items()
        if one.not_finite
    ]
    yield from _capped("not-finite", Severity.CRITICAL, bad)
    if values.summaries and all(one.max_abs == 0 and not one.not_finite for one in values.summaries.values()):
        yield _finding("all-zero", Severity.LOW, ".", "Every tensor is zero.")


def _fit_findings(candidate: Artifact, fit: Fit, *, total: int) -> Iterator[Finding]:
    yield from _capped("misfit", Severity.HIGH, fit.misfits)
    missing = [(name, "The model it stands on has no such module.") for name in sorted(fit.missing_modules)]
    yield from _capped("missing-module", Severity.HIGH, missing)
    yield from _capped(
        "unchecked", Severity.MEDIUM, [(name, "Nothing here knows its shape by its type.") for name in fit.unchecked]
    )
    yield from _capped(
        "untargeted",
        Severity.MEDIUM,
        [(name, "The config does not name this module; a loader may drop it in silence.") for name in fit.untargeted],
    )
    if fit.misfits or fit.missing_modules:
        what = "the model in use" if candidate.kind is UpdateKind.FULL_WEIGHTS else "the base it was given"
        yield _finding(
            "wrong-base",
            Severity.CRITICAL,
            ".",
            f"It does not fit {what}: of {total} tensors {len(fit.misfits)} have another shape than they need, and "
            f"{len(fit.missing_modules)} modules are missing there.",
        )


def _base_name_findings(candidate: Artifact) -> Iterator[Finding]:
    """Yield a low finding when the adapter names another base than it was given; names prove nothing."""
    if candidate.base is None:
        return
    named = _config(candidate.path / ADAPTER_CONFIG).get("base_model_name_or_path")
    if not isinstance(named, str) or not named:
        return
    own_name = _config(candidate.base / MODEL_CONFIG).get("_name_or_path")
    known = {_last_word(str(candidate.base)), _last_word(str(candidate.base.resolve())), _last_word(str(own_name))}
    if _last_word(named) not in known:
        message = f"The adapter names the base {named!r:.200}, and was given {candidate.base.name!r:.200}."
        yield _finding("base-name", Severity.LOW, ADAPTER_CONFIG, message)


def _metrics(
    own: TensorFolder, values: _Values, fit: Fit, *, unreadable: int, names: int, compared: bool
) -> tuple[Metric, ...]:
    n = len(own.tensors)
    not_finite = sum(one.not_finite for one in values.summaries.values())
    complete = compared and unreadable == 0 and not_finite == 0 and n > 0
    floats = [one.max_abs for name, one in values.summaries.items() if "F" in own.tensors[name].entry.dtype]
    largest = max(floats, default=math.inf)
    norm = max(fit.relative_norms.values(), default=0.0) if complete else math.inf
    counts = {
        "tensors": n,
        "unreadable_tensors": unreadable,
        "misfit_tensors": len(fit.misfits),
        "unchecked_tensors": len(fit.unchecked),
        "zero_tensors": sum(1 for one in values.summaries.values() if one.max_abs == 0 and not one.not_finite),
    }
    return (
        *(Metric(name=name, value=count, unit="tensors", n=n) for name, count in counts.items()),
        Metric(name="missing_modules", value=len(fit.missing_modules), unit="modules", n=n),
        Metric(name="untargeted_modules", value=len(fit.untargeted), unit="modules", n=n),
        Metric(name="base_name_mismatches", value=names, unit="names", n=1),
        Metric(name="parameters", value=sum(one.count for one in values.summaries.values()), unit="values", n=n),
        Metric(name="non_finite_values", value=not_finite, unit="values", n=n),
        Metric(name="max_abs", value=largest if not_finite == 0 else math.inf, unit="weight", n=n),
        Metric(
            name="max_relative_norm",
            value=norm,
            unit="share",
            n=len(fit.relative_norms),
            method="Frobenius norm of the change over that of the weight, largest over modules",
        ),
    )


def _config(path: Path) -> Mapping[str, object]:
    try:
        return read_json_object(path)
    except (StrictJsonError, OSError):
        return {}


def _last_word(name: str) -> str:
    return PurePath(name.replace("\\", "/")).name.lower()


def _capped(
    fact: str, severity: Severity, facts: "tuple[tuple[str, str], ...] | list[tuple[str, str]]"
) -> Iterator[Finding]:
    for subject, message in facts[:_MOST_FINDINGS]:
        yield _finding(fact, severity, subject, message)
    if len(facts) > _MOST_FINDINGS:
        yield _finding(fact, severity, ".", f"The same holds for {len(facts) - _MOST_FINDINGS} more.")


def _finding(fact: str, severity: Severity, subject: str, message: str) -> Finding:
    return Finding(code=f"{GATE}/{fact}", severity=severity, confidence=1.0, subject=subject, message=message)
