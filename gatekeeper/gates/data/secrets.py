"""Whether the rows hold credentials: passwords, keys, tokens.

Two detectors read every field: CredSweeper's rules for code and for prose, with its own model to drop look-alikes, and
the issuers' formats of ``credentials.token_formats``. Overlapping finds count once. No report shows more
than four characters of a secret; offsets are in the attachment ``secrets.jsonl``.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from gatekeeper.core.findings import Finding, GateReport, Metric, Severity
from gatekeeper.core.gate import GateContext, gate
from gatekeeper.gates.data.credentials.chunk_search import Found, found_in, search_task
from gatekeeper.gates.data.reading.counts import count, share
from gatekeeper.gates.data.reading.flags import FLAGGED, SpanTest, flags_of_spans, write_flags
from gatekeeper.gates.data.reading.spans import span_line, write_lines
from gatekeeper.gates.data.spreading.run import parcels

ATTACHMENT = "secrets.jsonl"
"""One line a secret: ``row``, ``field``, ``start``, ``end``, ``type``, ``score``."""

_CREDENTIAL = SpanTest(
    name="credential",
    release="Take it out and revoke it where it was issued, or a named reviewer finds that it opens nothing.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """How the rows are searched."""

    weak_rules: bool = False
    """Also use the CredSweeper rules it calls weak: bare words of a certain length, which prose is full of."""
    listed_findings: int = 200
    """Findings in the report, worst first; the rest stand in the attachment and are counted."""


@gate("data/secrets", asks="Do the rows hold credentials?", params=Params, version=2)
def data_secrets(context: GateContext, params: Params) -> GateReport:
    """Report every credential in the training rows by row, field and kind, never by its text."""
    if context.rows is None:
        return data_secrets.unmeasured("No training rows were given.")
    rows = 0
    found: list[Found] = []
    ids: dict[int, str] = {}
    context.progress.start("secrets", None)
    for head, _ in parcels(context, search_task(weak_rules=params.weak_rules)):
        rows += head["rows"]
        for id_, here in found_in(head):
            ids[here[0].span.row] = id_
            found.extend(here)
        context.progress.advance(head["rows"])
    if rows == 0:
        return data_secrets.unmeasured("The data set holds no rows.")
    found.sort(key=lambda one: (-one.severity, one.span))
    write_lines(context.workdir / ATTACHMENT, (span_line(one.span) for one in sorted(found, key=lambda one: one.span)))
    spans = [one.span for one in found]
    write_flags(context.workdir, flags_of_spans(spans, ids, {span.type: _CREDENTIAL for span in spans}))
    return data_secrets.measured(
        metrics=_metrics(found, rows=rows, listed=params.listed_findings),
        findings=tuple(_finding(one, ids[one.span.row]) for one in found[: params.listed_findings]),
        attachments=(context.attach(ATTACHMENT), context.attach(FLAGGED)),
    )


def _metrics(found: Sequence[Found], *, rows: int, listed: int) -> tuple[Metric, ...]:
    by_severity = Counter(one.severity for one in found)
    secret_rows = len({one.span.row for one in found})
    return (
        count("rows", rows, n=rows),
        count("secret_rows", secret_rows, n=rows),
        share("secret_rate", secret_rows, n=rows),
        count("secrets", len(found), n=rows, unit="spans"),
        *(
            count(f"secrets.{severity.name.lower()}", by_severity[severity], n=rows, unit="spans")
            for severity in Severity
        ),
        count("unlisted_findings", max(0, len(found) - listed), n=rows, unit="findings"),
    )


def _finding(one: Found, row_id: str) -> Finding:
    span = one.span
    return Finding(
        code="data/secrets/credential",
        severity=one.severity,
        confidence=span.score,
        subject=row_id,
        message=(
            f"Row {span.row} holds what looks like a credential ({span.type}) in {span.field} at characters "
            f"{span.start} to {span.end}: {one.shown}."
        ),
    )
