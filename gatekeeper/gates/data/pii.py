"""Whether the rows hold personal data.

Recognisers for data with a form run first (``personal.structured_pii``), then Presidio for names
(``personal.person_names``). ``pii.jsonl`` holds every span with character offsets into the field as read; findings
name row and type and show the text only masked. Three classes are counted apart, because a model that learns a card
number, a telephone number or a novelist's name harms differently.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from gatekeeper.core.findings import Finding, GateReport, Metric, Severity
from gatekeeper.core.gate import GateContext, gate
from gatekeeper.core.rows import TrainingRow
from gatekeeper.gates.data.personal.flag_tests import tests_for
from gatekeeper.gates.data.personal.person_names import analyzer, find_names, lower_words
from gatekeeper.gates.data.personal.structured_pii import CLASSES, PiiClass, structured_pii
from gatekeeper.gates.data.reading.counts import count, share
from gatekeeper.gates.data.reading.flags import FLAGGED, flags_of_spans, write_flags
from gatekeeper.gates.data.reading.spans import Span, longest_first, masked, span_line, text_fields, write_lines

ATTACHMENT = "pii.jsonl"
"""One line a span: ``row``, ``field``, ``start``, ``end``, ``type``, ``score``."""
_CHUNK = 256
"""Rows whose names are looked for together."""
_SEVERITIES = {
    PiiClass.HIGH_RISK: Severity.HIGH,
    PiiClass.CONTACT: Severity.MEDIUM,
    PiiClass.PERSON: Severity.LOW,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """How the rows are searched."""

    names: bool = True
    """Look for people's names; the rest needs no language model and is far quicker."""
    min_score: float = 0.5
    """Least recogniser score of a span that is kept; every recogniser here gives 0.6 or more."""
    listed_findings: int = 200
    """Findings in the report, worst first; the rest stand in the attachment and are counted."""
    flagged_classes: tuple[str, ...] = ("high_risk", "contact")
    """Classes whose rows are flagged; ``person`` would flag every row that names anybody."""

    def __post_init__(self) -> None:
        tests_for(self.flagged_classes)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Group:
    """All spans of one type in one row."""

    row_id: str
    spans: tuple[Span, ...]
    text: str
    """The first of them, shown only masked."""

    @property
    def severity(self) -> Severity:
        """How bad this type is."""
        return _SEVERITIES[CLASSES[self.spans[0].type]]


@gate("data/pii", asks="Do the rows hold personal data?", params=Params, version=2)
def data_pii(context: GateContext, params: Params) -> GateReport:
    """Report personal data in the training rows by row, field and type, never by its text."""
    if context.rows is None:
        return data_pii.unmeasured("No training rows were given.")
    context.progress.start("personal data", None)
    engine = analyzer() if params.names else None
    rows = 0
    spans: list[Span] = []
    texts: dict[Span, str] = {}
    ids: dict[int, str] = {}
    lower: set[str] = set()
    for chunk in _chunks(iter(context.rows)):
        rows += len(chunk)
        fields = [(row, field, text) for row in chunk for field, text in text_fields(row)]
        found = [
            Span(row=row.index, field=field, start=match.start, end=match.end, type=match.type, score=match.score)
            for row, field, text in fields
            for match in structured_pii(text)
        ]
        named: list[Span] = []
        if engine is not None:
            for _, _, text in fields:
                lower |= lower_words(text)
            for name in find_names(engine, [text for _, _, text in fields], lower):
                row, field, _ = fields[name.text]
                named.append(
                    Span(row=row.index, field=field, start=name.start, end=name.end, type="PERSON", score=name.score)
                )
        whole = {(row.index, field): text for row, field, text in fields}
        kept = longest_first(
            [span for span in found if span.score >= params.min_score],
            [span for span in named if span.score >= params.min_score],
        )
        spans.extend(kept)
        texts.update((span, whole[span.row, span.field][span.start : span.end]) for span in kept)
        ids.update((row.index, _safe_id(row)) for row in chunk)
        context.progress.advance(len(chunk))
    if rows == 0:
        return data_pii.unmeasured("The data set holds no rows.")
    spans = [span for span in spans if span.type != "PERSON" or texts[span].casefold() not in lower]
    write_lines(context.workdir / ATTACHMENT, (span_line(span) for span in spans))
    write_flags(context.workdir, flags_of_spans(spans, ids, tests_for(params.flagged_classes)))
    groups = _groups(spans, texts, ids)
    return data_pii.measured(
        metrics=_metrics(spans, rows=rows, names=params.names, unlisted=max(0, len(groups) - params.listed_findings)),
        findings=tuple(_finding(group) for group in groups[: params.listed_findings]),
        attachments=(context.attach(ATTACHMENT), context.attach(FLAGGED)),
    )


def _chunks(rows: Iterator[TrainingRow]) -> Iterator[list[TrainingRow]]:
    while chunk := list(islice(rows, _CHUNK)):
        yield chunk


def _safe_id(row: TrainingRow) -> str:
    """Return the row's id, or its position when the id itself is personal data."""
    return f"row-{row.index}" if any(structured_pii(row.id)) else row.id


def _groups(spans: Sequence[Span], texts: Mapping[Span, str], ids: Mapping[int, str]) -> list[_Group]:
    by_type: defaultdict[tuple[int, str], list[Span]] = defaultdict(list)
    for span in spans:
        by_type[span.row, span.type].append(span)
    groups = [_Group(row_id=ids[row], spans=tuple(found), text=texts[found[0]]) for (row, _), found in by_type.items()]
    return sorted(groups, key=lambda group: (-group.severity, group.spans[0]))


def _metrics(spans: Sequence[Span], *, rows: int, names: bool, unlisted: int) -> tuple[Metric, ...]:
    held: dict[PiiClass, set[int]] = {kind: set() for kind in PiiClass}
    for span in spans:
        held[CLASSES[span.type]].add(span.row)
    types = Counter(span.type for span in spans)
    identified = held[PiiClass.PERSON] & (held[PiiClass.HIGH_RISK] | held[PiiClass.CONTACT])
    # Where names were not looked for, their metrics are missing: a limit on them then fails instead of passing.
    classes = [kind for kind in PiiClass if names or kind is not PiiClass.PERSON]
    return (
        count("rows", rows, n=rows),
        count("spans", len(spans), n=rows, unit="spans"),
        *(count(f"{kind.value}_rows", len(held[kind]), n=rows) for kind in classes),
        *(share(f"{kind.value}_rate", len(held[kind]), n=rows) for kind in classes),
        *((count("identified_rows", len(identified), n=rows),) if names else ()),
        *(
            count(f"spans.{type_.lower()}", types[type_], n=rows, unit="spans")
            for type_, kind in sorted(CLASSES.items())
            if kind in classes
        ),
        count("unlisted_findings", unlisted, n=rows, unit="findings"),
    )


def _finding(group: _Group) -> Finding:
    first = group.spans[0]
    kind = CLASSES[first.type]
    places = len(group.spans)
    times = "once" if places == 1 else f"{places} times"
    return Finding(
        code=f"data/pii/{kind.value.replace('_', '-')}",
        severity=group.severity,
        confidence=max(span.score for span in group.spans),
        subject=group.row_id,
        message=(
            f"Row {first.row} holds {first.type} {times}, first in {first.field} at characters {first.start} to "
            f"{first.end}: {masked(group.text, shown=2)}."
        ),
    )
