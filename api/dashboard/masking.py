"""What gates point at, row by row, with what a reader may not see left out (``api.masking``)."""

from collections.abc import Sequence
from dataclasses import dataclass

from api.masking import is_plain, masked
from gatekeeper.core.findings import Finding, GateReport, Severity


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


def _by_subject(report: GateReport) -> dict[str, list[Finding]]:
    found: dict[str, list[Finding]] = {}
    for each in report.findings:
        found.setdefault(each.subject, []).append(each)
    return found


def _flagged(gate: str, number: int, subject: str, findings: Sequence[Finding], *, shown: bool) -> Flagged:
    ordered = sorted(findings, key=lambda each: -each.severity)
    kept = ordered if shown else [masked(each) for each in ordered]
    return Flagged(
        gate=gate,
        number=number,
        subject=subject if shown else None,
        worst=ordered[0].severity,
        findings=tuple(kept),
    )
