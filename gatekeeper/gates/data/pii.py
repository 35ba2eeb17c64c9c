"""Whether the rows hold personal data.

1. Forms with and without check digits, addresses, and the same behind disguises (``personal.structured_pii``).
2. Names, by the words around them and by a language model where a sentence could hold one (``personal.search``).
3. Counts, findings, and spans as an attachment; where the policy asks for it, the rows with their spans replaced.

``pii.jsonl`` holds every span with character offsets into the field as read; findings name row and type and show the
text only masked. Classes are counted apart, because a model that learns a card number, a telephone number or a
novelist's name harms differently; a town or a date is no finding at all.

Metrics: ``rows``, ``spans``, ``spans.<type>``; rows and, with Wilson bounds, shares of rows by class:
``high_risk_rows``, ``high_risk_rate``, ``contact_rows``, ``contact_rate``, ``person_rows``, ``person_rate``,
``detail_rows``, ``detail_rate``; ``identified_rows``, which hold a name beside contact or high-risk data;
``unlisted_findings``.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import islice
from typing import IO

from gatekeeper.core.findings import GateReport
from gatekeeper.core.gate import GateContext, gate
from gatekeeper.core.rows import TrainingRow
from gatekeeper.gates.data.personal.cores import searched
from gatekeeper.gates.data.personal.flag_tests import tests_for
from gatekeeper.gates.data.personal.kinds import CLASSES, PiiClass
from gatekeeper.gates.data.personal.language_model import DEFAULT
from gatekeeper.gates.data.personal.redaction import redacted_record
from gatekeeper.gates.data.personal.search import Found, SearchOptions
from gatekeeper.gates.data.personal.structured_pii import structured_pii
from gatekeeper.gates.data.personal.tally import Tally
from gatekeeper.gates.data.reading.flags import FLAGGED, flag_lines, flags_of_spans
from gatekeeper.gates.data.reading.spans import Span, span_text, text_fields
from gatekeeper.intake.records import read_records

ATTACHMENT = "pii.jsonl"
"""One line a span: ``row``, ``field``, ``start``, ``end``, ``type``, ``score``."""
REDACTED = "redacted.jsonl"
"""One line a row, its spans replaced by ``<TYPE>``."""
_BATCH_ROWS = 256
_BATCH_CHARACTERS = 1 << 20
_WORTH = {True: 64, False: 160}
"""Batches from which on other processes repay their start: with names, and without."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """How the rows are searched."""

    names: bool = True
    """Look for people's names; the rest needs no language model and is far quicker."""
    every_row: bool = False
    """Let the language model read every sentence, also those without a word that could be a name."""
    details: bool = True
    """Also find what is no personal data by itself: towns, organisations, dates, ages, nations, titles, links."""
    model: str = DEFAULT
    """Package of a spaCy model, or ``gliner:`` and the folder of a GLiNER model (needs the package ``gliner``)."""
    min_score: float = 0.5
    """Least recogniser score of a span that is kept; every recogniser here gives 0.55 or more."""
    listed_findings: int = 200
    """Findings in the report, worst first; the rest stand in the attachment and are counted."""
    processes: int = 0
    """Processes that search at once: 0 for one a core, 1 for this one alone."""
    redact: bool = False
    """Also write ``redacted.jsonl``."""
    redact_details: bool = False
    """Replace details there too."""
    flagged_classes: tuple[str, ...] = ("high_risk", "contact")
    """Classes whose rows are flagged; ``person`` would flag every row that names anybody."""

    def __post_init__(self) -> None:
        tests_for(self.flagged_classes)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    rows: tuple[TrainingRow, ...]
    fields: tuple[tuple[tuple[str, str], ...], ...]
    """Names and texts of each row."""

    @property
    def texts(self) -> list[list[str]]:
        """The fields of each row."""
        return [[text for _, text in fields] for fields in self.fields]

    def spans(self, found: Iterable[Found]) -> dict[int, list[Span]]:
        """Return what was found by the row of the batch that holds it, ascending; other rows are not in it."""
        spans: dict[int, list[Span]] = {}
        for at, field, match in found:
            spans.setdefault(at, []).append(
                Span(
                    row=self.rows[at].index,
                    field=self.fields[at][field][0],
                    start=match.start,
                    end=match.end,
                    type=match.type,
                    score=match.score,
                )
            )
        return spans


@gate("data/pii", asks="Do the rows hold personal data?", params=Params, version=2)
def data_pii(context: GateContext, params: Params) -> GateReport:
    """Report personal data in the training rows by row, field and type, never by its text."""
    if context.rows is None:
        return data_pii.unmeasured("No training rows were given.")
    context.progress.start("personal data", None)
    options = SearchOptions(
        names=params.names,
        every_row=params.every_row,
        details=params.details,
        model=params.model,
        min_score=params.min_score,
    )
    tests = tests_for(params.flagged_classes)
    tally = Tally(listed=params.listed_findings)
    with ExitStack() as stack:
        flagged = stack.enter_context(_opened(context, FLAGGED))
        spans_file = stack.enter_context(_opened(context, ATTACHMENT))
        redacted = stack.enter_context(_opened(context, REDACTED)) if params.redact else None
        records = _records(context)
        found = searched(_batches(iter(context.rows)), options, processes=params.processes, worth=_WORTH[params.names])
        for batch, matches in found:
            spans = batch.spans(matches)
            tally.rows += len(batch.rows)
            for at, held in spans.items():
                row, own = batch.rows[at], _safe_id(batch.rows[at])
                tally.add(own, dict(batch.fields[at]), held)
                flags = flags_of_spans(held, {row.index: own}, tests)
                flagged.writelines(json.dumps(line) + "\n" for line in flag_lines(flags))
                spans_file.writelines(map(span_text, sorted(held) if len(held) > 1 else held))
            if redacted is not None:
                for at, row in enumerate(batch.rows):
                    kept = [
                        span
                        for span in spans.get(at, [])
                        if params.redact_details or CLASSES[span.type] is not PiiClass.DETAIL
                    ]
                    record = dict(row.fields) if records is None else next(records)
                    redacted.write(json.dumps(redacted_record(record, kept)) + "\n")
            context.progress.advance(len(batch.rows))
    if tally.rows == 0:
        return data_pii.unmeasured("The data set holds no rows.")
    return data_pii.measured(
        metrics=tally.metrics(names=params.names, details=params.details),
        findings=tally.findings(),
        attachments=tuple(
            context.attach(name) for name in (ATTACHMENT, FLAGGED, *((REDACTED,) if params.redact else ()))
        ),
    )


def _opened(context: GateContext, name: str) -> IO[str]:
    return (context.workdir / name).open("w", encoding="utf-8", newline="\n")


def _records(context: GateContext) -> Iterator[Mapping[str, object]] | None:
    """Return the rows as objects, as the file holds them; ``None`` when there is no file behind the rows."""
    data = context.update.data
    return None if data is None else (record for _, record in read_records(data.path))


def _batches(rows: Iterator[TrainingRow]) -> Iterator[_Batch]:
    """Yield batches of limited size; a row is never parted."""
    while chunk := tuple(islice(rows, _BATCH_ROWS)):
        part: list[TrainingRow] = []
        size = 0
        for row in chunk:
            part.append(row)
            size += sum(len(text) for _, text in row.fields)
            if size > _BATCH_CHARACTERS:
                yield _batch(part)
                part, size = [], 0
        if part:
            yield _batch(part)


def _batch(rows: list[TrainingRow]) -> _Batch:
    return _Batch(rows=tuple(rows), fields=tuple(text_fields(row) for row in rows))


def _safe_id(row: TrainingRow) -> str:
    """Return the row's id, or its position when the id itself is personal data."""
    own = row.id != f"row-{row.index}"
    return f"row-{row.index}" if own and any(structured_pii(row.id)) else row.id
