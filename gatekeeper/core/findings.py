"""What a gate hands back: metrics with intervals, findings, and whether it measured at all.

A report holds no limit and no decision. Too little data is ``UNMEASURED``, never 0 and never a pass.
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum

from pydantic import TypeAdapter, ValidationError

from gatekeeper.core.digests import Digest, Plain, digest_of, plain
from gatekeeper.core.errors import InputError


class Severity(IntEnum):
    """How bad a finding is if it is true."""

    INFO = 0
    LOW = 1
    MEDIUM = 2
    HIGH = 3
    CRITICAL = 4


class Status(StrEnum):
    """Whether a gate answered its question."""

    MEASURED = "measured"
    UNMEASURED = "unmeasured"
    ERRORED = "errored"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One fact a reviewer can check without us."""

    code: str
    """`<gate>/<fact>`: never renamed, only retired."""
    severity: Severity
    """How bad it is if true."""
    confidence: float
    """How sure we are, 0 to 1; never blended with severity."""
    subject: str
    """POSIX path, tensor name or row id inside the update."""
    message: str
    """One sentence a reviewer understands without the source code."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """One number, with the interval that says how well it is known."""

    name: str
    """Dotted, e.g. ``knowledge.delta``; unique within a report."""
    value: float
    """The estimate."""
    unit: str
    """``points`` (hundredths of a proportion are written as fractions: 0.05), ``rows``, ``nats/token``, ``share``."""
    n: int
    """How many items, rows or tensors it stands on."""
    low: float | None = None
    """Lower one-sided bound at ``confidence``; ``None`` for an exact count."""
    high: float | None = None
    """Upper one-sided bound at ``confidence``; ``None`` for an exact count."""
    confidence: float | None = None
    """Level of each one-sided bound, e.g. 0.95."""
    method: str = ""
    """How the interval was made, e.g. ``clustered t`` or ``Wilson``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """A file of detail kept with the evidence."""

    name: str
    """File name inside the gate's evidence folder."""
    sha256: Digest
    """Digest of its bytes."""
    size: int
    """In bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GateReport:
    """One gate's answer about one update."""

    gate: str
    """Gate id, e.g. ``data/pii``."""
    version: int
    """Version of the gate's method; a change of method is a change of evidence."""
    status: Status
    """Whether it measured."""
    note: str = ""
    """Why it did not measure; empty when it did."""
    metrics: tuple[Metric, ...] = ()
    findings: tuple[Finding, ...] = ()
    attachments: tuple[Attachment, ...] = ()

    @property
    def digest(self) -> Digest:
        """Identity of this evidence."""
        return digest_of(self)

    def metric(self, name: str) -> Metric | None:
        """Return the metric of that name, or ``None``."""
        return next((metric for metric in self.metrics if metric.name == name), None)

    def to_plain(self) -> Plain:
        """Return JSON types, as stored and published."""
        return plain(self)


_READER: TypeAdapter[GateReport] = TypeAdapter(GateReport)


def report_from_plain(value: Plain) -> GateReport:
    """Return the report that :meth:`GateReport.to_plain` wrote.

    Law: ``report_from_plain(r.to_plain()) == r``.

    Raises:
        InputError: ``value`` is no such object.
    """
    try:
        return _READER.validate_python(value)
    except ValidationError as error:
        raise _no_report() from error


def report_from_json(text: str) -> GateReport:
    """Return the report whose :meth:`GateReport.to_plain` is this JSON.

    Raises:
        InputError: ``text`` is no such object.
    """
    try:
        return _READER.validate_json(text)
    except ValidationError as error:
        raise _no_report() from error


def _no_report() -> InputError:
    return InputError(
        "A stored gate report does not have the shape of a report.",
        hint="The evidence was changed or written by another version: run the gates again.",
    )
