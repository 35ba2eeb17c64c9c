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
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice

from gatekeeper.core.findings import GateReport
from gatekeeper.core.gate import GateContext, gate
from gatekeeper.gates.data.personal.chunk_search import search_task
from gatekeeper.gates.data.personal.flag_tests import tests_for
from gatekeeper.gates.data.personal.kinds import CLASSES, PiiClass
from gatekeeper.gates.data.personal.language_model import DEFAULT
from gatekeeper.gates.data.personal.redaction import redacted_record
from gatekeeper.gates.data.personal.search import Search, SearchOptions
from gatekeeper.gates.data.personal.tally import Tally
from gatekeeper.gates.data.reading.flags import FLAGGED
from gatekeeper.gates.data.reading.spans import Span
from gatekeeper.gates.data.spreading.run import parcels
from gatekeeper.intake.records import read_records

ATTACHMENT = "pii.jsonl"
"""One line a span: ``row``, ``field``, ``start``, ``end``, ``type``, ``score``."""
REDACTED = "redacted.jsonl"
"""One line a row, its spans replaced by ``<TYPE>``."""


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
    Search(options).require()
    tally = Tally(listed=params.listed_findings)
    task = search_task(options, flagged=params.flagged_classes, listed=params.listed_findings)
    with ExitStack() as stack:
        flagged = stack.enter_context((context.workdir / FLAGGED).open("wb"))
        spans_file = stack.enter_context((context.workdir / ATTACHMENT).open("wb"))
        redacting = stack.enter_context(_redacting(context, details=params.redact_details)) if params.redact else None
        for head, (flags, lines) in parcels(context, task, processes=params.processes):
            part = Tally.from_plain(head["tally"])
            tally.merge(part)
            flagged.write(flags.tobytes())
            spans_file.write(lines.tobytes())
            if redacting is not None:
                redacting(part.rows, lines.tobytes())
            context.progress.advance(part.rows)
    if tally.rows == 0:
        return data_pii.unmeasured("The data set holds no rows.")
    return data_pii.measured(
        metrics=tally.metrics(names=params.names, details=params.details),
        findings=tally.findings(),
        attachments=tuple(
            context.attach(name) for name in (ATTACHMENT, FLAGGED, *((REDACTED,) if params.redact else ()))
        ),
    )


@contextmanager
def _redacting(context: GateContext, *, details: bool) -> Iterator[Callable[[int, bytes], None]]:
    """Give what writes so many more rows, spans replaced that stand in lines of the attachment."""
    rows, records = iter(context.rows or ()), _records(context)
    with (context.workdir / REDACTED).open("w", encoding="utf-8", newline="\n") as redacted:

        def write(number: int, lines: bytes) -> None:
            spans: dict[int, list[Span]] = {}
            for line in lines.splitlines():
                span = Span(**json.loads(line))
                if details or CLASSES[span.type] is not PiiClass.DETAIL:
                    spans.setdefault(span.row, []).append(span)
            for row in islice(rows, number):
                record = dict(row.fields) if records is None else next(records)
                redacted.write(json.dumps(redacted_record(record, spans.get(row.index, []))) + "\n")

        yield write


def _records(context: GateContext) -> Iterator[Mapping[str, object]] | None:
    """Return the rows as objects, as the file holds them; ``None`` when there is no file behind the rows."""
    data = context.update.data
    return None if data is None else (record for _, record in read_records(data.path))
