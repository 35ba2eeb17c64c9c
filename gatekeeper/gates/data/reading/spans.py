"""Where something stands in a row, written so that a reader can find it and nobody can read it from the report.

Offsets are character offsets into a field exactly as it was read: ``field_text[start:end]`` is the thing found. The
text itself never leaves the row: reports carry :func:`masked` forms, attachments carry offsets.
"""

import json
from bisect import bisect
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from gatekeeper.core.rows import TrainingRow


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Span:
    """One found piece of text."""

    row: int
    """Position of the row in the file, from 0."""
    field: str
    """Name of the field as read."""
    start: int
    """First character."""
    end: int
    """One past the last character."""
    type: str
    """What it is, e.g. ``EMAIL_ADDRESS``."""
    score: float
    """How sure the recogniser is, 0 to 1."""


def span_of(values: Sequence[Any]) -> Span:
    """Return the span whose fields these are, in their order."""
    row, field, start, end, type_, score = values
    return Span(row=row, field=field, start=start, end=end, type=type_, score=score)


def masked(text: str, *, shown: int) -> str:
    """Return the first ``shown`` characters, never more than a quarter of the text, and the text's length."""
    visible = min(shown, len(text) // 4)
    return f"{text[:visible]}… ({len(text)} characters)"


def longest_first(*ranks: Iterable[Span]) -> list[Span]:
    """Return the spans that survive overlap, sorted by place.

    Every span of an earlier rank beats every span of a later one; within a rank the surer wins, then the longer, then
    the earlier.
    """
    kept: dict[tuple[int, str], list[Span]] = {}
    for spans in ranks:
        for span in sorted(spans, key=lambda span: (-span.score, span.start - span.end, span)):
            beside = kept.setdefault((span.row, span.field), [])
            # Kept spans never overlap, so that only the two neighbours can be in the way.
            at = bisect(beside, span.start, key=_start)
            before, after = beside[at - 1 : at], beside[at : at + 1]
            if all(other.end <= span.start for other in before) and all(other.start >= span.end for other in after):
                beside.insert(at, span)
    return sorted(span for beside in kept.values() for span in beside)


def _start(span: Span) -> int:
    return span.start


def text_fields(row: TrainingRow) -> tuple[tuple[str, str], ...]:
    """Return the row's fields that hold any text, halves of surrogate pairs replaced so that every library reads them.

    Offsets stay what they are in the field as read: one character replaces one.
    """
    return tuple((name, whole(text)) for name, text in row.fields if text)


def whole(text: str) -> str:
    """Return the text with each half of a surrogate pair, which no UTF-8 can hold, replaced by a question mark."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


def write_lines(path: Path, lines: Iterable[Mapping[str, object]]) -> int:
    """Write one JSON object a line and return how many were written."""
    written = 0
    with path.open("w", encoding="utf-8", newline="\n") as stream:
        for line in lines:
            stream.write(json.dumps(line) + "\n")
            written += 1
    return written


@lru_cache(maxsize=256)
def _quoted(text: str) -> str:
    return json.dumps(text)


def span_text(span: Span) -> str:
    """Return ``json.dumps(span_line(span))`` and a line feed, in a quarter of the time: some data hold millions."""
    return (
        f'{{"row": {span.row}, "field": {_quoted(span.field)}, "start": {span.start}, "end": {span.end}, '
        f'"type": {_quoted(span.type)}, "score": {round(float(span.score), 4)!r}}}\n'
    )


def span_line(span: Span) -> dict[str, object]:
    """Return the published form of a span."""
    return {
        "row": span.row,
        "field": span.field,
        "start": span.start,
        "end": span.end,
        "type": span.type,
        "score": round(span.score, 4),
    }
