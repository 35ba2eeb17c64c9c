"""Verdicts, and what gates measured, as the service sends them."""

from typing import Literal

from api.shapes.base import Number, Out
from api.shapes.updates import DigestsOut


class ReasonOut(Out):
    """Why one rule voted as it did."""

    gate: str
    code: str
    outcome: Literal["ADMIT", "REVIEW", "BLOCK"]
    text: str


class VerdictOut(Out):
    """What the policy decided, and from what."""

    run: str
    outcome: Literal["ADMIT", "REVIEW", "BLOCK"]
    errored: bool
    reasons: list[ReasonOut]
    """Strictest first."""
    not_run: list[str]
    waived: list[str]
    """Codes of the reasons that people accepted and that count here; ``GET …/waivers`` has who and until when."""
    digests: DigestsOut


class MetricOut(Out):
    """One number, with the interval that says how well it is known."""

    name: str
    value: Number
    unit: str
    n: int
    low: Number | None
    high: Number | None
    confidence: float | None
    method: str


class FindingOut(Out):
    """One fact a reviewer can check."""

    gate: str
    code: str
    severity: Literal["INFO", "LOW", "MEDIUM", "HIGH", "CRITICAL"]
    confidence: float
    subject: str
    message: str


class ReportOut(Out):
    """One gate's answer."""

    gate: str
    version: int
    status: str
    note: str
    digest: str
    seconds: float
    metrics: list[MetricOut]
    findings: int
    """How many; they are listed under ``findings``."""


class EvidenceOut(Out):
    """Every gate's answer in one run."""

    run: str
    evidence_digest: str | None
    """``None`` while the run has no verdict."""
    reports: list[ReportOut]


class FindingsOut(Out):
    """A page of what the gates point at, in the order of gates."""

    run: str
    items: list[FindingOut]
    next: str | None
