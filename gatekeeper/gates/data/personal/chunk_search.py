"""The search of one chunk of rows, and its result as bytes: lines to be written, and counts that add up.

Rows are searched in batches of limited size, since names are told from words by the texts beside them: a batch is
:data:`BATCH_ROWS` rows counted from the first one of all, or fewer where they are long; a chunk is some of these.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from itertools import islice
from typing import Any

import numpy as np

from gatekeeper.core.digests import Plain
from gatekeeper.core.row_work import Buffer, ChunkWork, RowChunk, RowTask
from gatekeeper.core.rows import TrainingRow
from gatekeeper.gates.data.personal.flag_tests import tests_for
from gatekeeper.gates.data.personal.language_model import DEFAULT
from gatekeeper.gates.data.personal.search import Found, Search, SearchOptions
from gatekeeper.gates.data.personal.structured_pii import structured_pii
from gatekeeper.gates.data.personal.tally import Tally
from gatekeeper.gates.data.reading.disguises import Disguise
from gatekeeper.gates.data.reading.flags import SpanTest, flag_lines, flags_of_spans
from gatekeeper.gates.data.reading.spans import Span, span_text, text_fields
from gatekeeper.gates.data.spreading.parcels import Array, parcel

BATCH_ROWS = 256
_BATCH_CHARACTERS = 1 << 20
_CHUNK_ROWS = 4 * BATCH_ROWS
_WORTH = {True: 16, False: 40}
"""Chunks from which on other processes repay their start: with names, and without."""


def search_task(options: SearchOptions, *, flagged: Sequence[str], listed: int) -> RowTask:
    """Return the search as work on chunks.

    Args:
        options: what is searched, and how.
        flagged: classes whose rows are flagged.
        listed: findings that are kept, worst first.
    """
    plain = {one.name: getattr(options, one.name) for one in fields(options)}
    disguises: list[Plain] = [disguise.value for disguise in sorted(options.disguises)]
    return RowTask(
        function=f"{__name__}:make",
        settings={
            "options": {**plain, "disguises": disguises},
            "flagged": list(flagged),
            "listed": listed,
        },
        rows=_CHUNK_ROWS,
        worth=_WORTH[options.names],
        # Presidio and spaCy import torch where there is one; this model runs without it and starts in half the time.
        unneeded=("torch",) if options.model == DEFAULT else (),
    )


def make(settings: Mapping[str, Any], _: Sequence[Buffer]) -> ChunkWork:
    """Return the work of :func:`search_task`."""
    plain = settings["options"]
    search = Search(SearchOptions(**{**plain, "disguises": frozenset(map(Disguise, plain["disguises"]))}))
    tests = tests_for(settings["flagged"])
    return lambda chunk: parcel(*_searched(chunk, search, tests, listed=settings["listed"]))


def _searched(
    chunk: RowChunk, search: Search, tests: Mapping[str, SpanTest], *, listed: int
) -> tuple[dict[str, object], list[Array]]:
    tally = Tally(listed=listed)
    flags: list[str] = []
    lines: list[str] = []
    for batch in _batches(iter(chunk.rows)):
        spans = batch.spans(search.batch(batch.texts))
        tally.rows += len(batch.rows)
        for at, held in spans.items():
            row, own = batch.rows[at], _safe_id(batch.rows[at])
            tally.add(own, dict(batch.fields[at]), held)
            found = flags_of_spans(held, {row.index: own}, tests)
            flags.extend(json.dumps(line) + "\n" for line in flag_lines(found))
            lines.extend(map(span_text, sorted(held) if len(held) > 1 else held))
    return {"tally": tally.as_plain()}, [_bytes_of(flags), _bytes_of(lines)]


def _bytes_of(lines: Iterable[str]) -> Array:
    return np.frombuffer("".join(lines).encode(), dtype=np.uint8)


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


def _batches(rows: Iterator[TrainingRow]) -> Iterator[_Batch]:
    """Yield batches of limited size; a row is never parted."""
    while chunk := tuple(islice(rows, BATCH_ROWS)):
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
