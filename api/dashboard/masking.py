"""Which findings a reader sees whole.

A finding about files or tensors names those. Every other finding may name a row, a person, or words from the training
data, so only those who may see flagged rows see its subject and its message; others see what was found, how bad it is
if true, and how sure the gate is. Families that nobody thought of yet are masked.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gatekeeper.core.findings import Finding, GateReport, Severity
from gatekeeper.core.gate import Family

_SHOWN: Final = frozenset({Family.ARTIFACT.value, Family.WEIGHTS.value})


@dataclass(frozen=True, slots=True, kw_only=True)
class Flagged:
    """One row, file or tensor with everything that one gate says about it."""

    gate: str
    number: int
    """Its place among what this gate flagged, from 1."""
    subject: str | None
    """``None`` where it is masked."""
    worst: Severity
    findings: tuple[Finding, ...]
    """Worst first; where the subject is masked, so are the messages: they are empty."""


def flagged(reports: Sequence[GateReport], *, sees_rows: bool) -> tuple[Flagged, ...]:
    """Return what the gates point at, by what they point at: worst first, then in the gates' own order."""
    found = [
        _flagged(report.gate, number, subject, findings, shown=sees_rows or is_plain(report.gate))
        for report in reports
        for number, (subject, findings) in enumerate(_by_subject(report).items(), start=1)
    ]
    return tuple(sorted(found, key=lambda each: -each.worst))


def is_plain(gate: str) -> bool:
    """Return whether a gate's findings hold nothing from training data."""
    return gate.partition("/")[0] in _SHOWN


def _by_subject(report: GateReport) -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = {}
    for each in report.findings:
        found.setdefault(each.subject, []).append(each)
    return found


def _flagged(gate: str, number: int, subject: str, findings: Sequence[Finding], *, shown: bool) -> Flagged:
    ordered = sorted(findings, key=lambda each: -each.severity)
    kept = ordered if shown else [_masked(each) for each in ordered]
    return Flagged(
        gate=gate,
        number=number,
        subject=subject if shown else None,
        worst=ordered[0].severity,
        findings=tuple(kept),
    )


def _masked(finding: Finding) -> Finding:
    return Finding(code=finding.code, severity=finding.severity, confidence=finding.confidence, subject="", message="")
