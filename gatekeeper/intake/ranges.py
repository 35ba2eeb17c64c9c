"""Parts of a training file that can be read alone: bytes between two line ends, or rows of Parquet by number.

Laws: the ranges of a file, read one after the other, give the rows of the whole file, with their numbers and places.
A range is read against its digest, so that a process which sees another file under the same path ends with an error
and never with other rows. JSON lines and Parquet have ranges; CSV, JSON and what is compressed have none.
"""

import hashlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from gatekeeper.core.digests import Digest, sha256_file
from gatekeeper.core.errors import InputError
from gatekeeper.core.row_work import RowRange
from gatekeeper.core.rows import TrainingRow
from gatekeeper.intake.records import (
    MAX_ROW,
    damage_named,
    format_of,
    line_text,
    parquet_records,
    parquet_rows,
    parsed_lines,
)
from gatekeeper.intake.row_spool import row_from_line
from gatekeeper.intake.shapes import UnknownShape, understand

JSONL, PARQUET, ROWS = "jsonl", "parquet", "rows"
_SPACE = b" \t\r\n"
_BOM = b"\xef\xbb\xbf"
_KEPT = 4
"""Files whose ranges, or digests, are remembered."""

Stamp = tuple[int, int, int]


def ranges_of(path: Path, rows: int) -> tuple[RowRange, ...] | None:
    """Return where each run of ``rows`` rows of a training file lies; ``None`` for a format without ranges.

    Raises:
        UsageError: the file is missing, or of a format that is not read.
        InputError: it cannot be read.
    """
    kind = format_of(path)
    if kind not in (JSONL, PARQUET) or path.name.lower().endswith(".gz"):
        return None
    with damage_named(path):
        return _ranges(path, kind, rows, stamp_of(path))


def stamp_of(path: Path) -> Stamp:
    """Return what changes when a file is written.

    Raises:
        OSError: it is gone.
    """
    facts = path.stat()
    return facts.st_ino, facts.st_size, facts.st_mtime_ns


@lru_cache(maxsize=_KEPT)
def _ranges(path: Path, kind: str, rows: int, stamp: Stamp) -> tuple[RowRange, ...]:
    if kind == JSONL:
        return tuple(line_ranges(path, JSONL, rows))
    digest, total = _digest(path, stamp), parquet_rows(path)
    return tuple(
        RowRange(
            path=str(path.absolute()),
            shown=str(path),
            kind=PARQUET,
            first=first,
            rows=min(rows, total - first),
            begin=first,
            end=min(first + rows, total),
            line=0,
            sha256=digest,
        )
        for first in range(0, total, rows)
    )


@lru_cache(maxsize=_KEPT)
def _digest(path: Path, stamp: Stamp) -> Digest:
    del stamp  # another one asks for another digest
    return sha256_file(path)


def line_ranges(path: Path, kind: str, rows: int) -> Iterator[RowRange]:
    """Yield where each run of ``rows`` lines that hold anything lies; a line that is too long ends the last one.

    Raises:
        OSError: the file cannot be read.
    """
    with path.open("rb") as stream:
        first = number = begin = at = line = held = 0
        hasher = hashlib.sha256()

        def done() -> RowRange:
            return RowRange(
                path=str(path.absolute()),
                shown=str(path),
                kind=kind,
                first=first,
                rows=held,
                begin=begin,
                end=at,
                line=line,
                sha256=Digest("sha256:" + hasher.hexdigest()),
            )

        while raw := stream.readline(MAX_ROW + 1):
            hasher.update(raw)
            at += len(raw)
            number += 1
            text = raw.removeprefix(_BOM) if number == 1 else raw
            held += bool(text.strip(_SPACE))
            if len(raw) > MAX_ROW:
                break  # whoever reads this range says so
            if held == rows:
                yield done()
                first, begin, line, held = first + rows, at, number, 0
                hasher = hashlib.sha256()
        if held:
            yield done()


def read_range(place: RowRange) -> Iterator[TrainingRow]:
    """Yield the rows of a range; only when the last one was asked for in vain is it certain that they are these.

    Raises:
        InputError: a row cannot be read, or the file is not the one whose range this is.
    """
    found = 0
    with damage_named(Path(place.shown)):
        for row in _READERS[place.kind](place):
            found += 1
            yield row
    if found != place.rows:
        raise another_file(place)


def another_file(place: RowRange) -> InputError:
    """Return what is said of a file with other bytes than whoever asked for its rows had seen."""
    return InputError(
        f"{place.shown} changed while it was scanned, or a process that read it sees another file.",
        hint="Scan it again, leave it alone meanwhile, and keep it where every worker sees the same bytes.",
    )


def _lines(place: RowRange) -> Iterator[tuple[int, str]]:
    hasher = hashlib.sha256()
    with Path(place.path).open("rb") as stream:
        stream.seek(place.begin)
        left, number = place.end - place.begin, place.line
        while left > 0 and (raw := stream.readline(min(left, MAX_ROW + 1))):
            hasher.update(raw)
            left -= len(raw)
            number += 1
            yield number, line_text(Path(place.shown), number, raw)
    if left or "sha256:" + hasher.hexdigest() != place.sha256:
        raise another_file(place)


def _json_rows(place: RowRange) -> Iterator[TrainingRow]:
    shown = Path(place.shown)
    for at, (where, _text, record) in enumerate(parsed_lines(shown, _lines(place))):
        yield understood(shown, where, record, place.first + at)


def _written_rows(place: RowRange) -> Iterator[TrainingRow]:
    return (row_from_line(line) for _, line in _lines(place))


def _parquet_rows(place: RowRange) -> Iterator[TrainingRow]:
    path, shown = Path(place.path), Path(place.shown)
    if _digest(path, stamp_of(path)) != place.sha256:
        raise another_file(place)
    for at, (where, record) in enumerate(parquet_records(path, place.begin, place.end)):
        yield understood(shown, where, record, place.first + at)


def understood(path: Path, where: str, record: dict[str, object], index: int) -> TrainingRow:
    """Return the row that a record stands for.

    Raises:
        InputError: it is none; the message names the file and the place.
    """
    try:
        return understand(record, index)
    except UnknownShape as error:
        raise InputError(f"{path}, {where}: {error}.", hint="Correct or remove the row and try again.") from error


_READERS = {JSONL: _json_rows, PARQUET: _parquet_rows, ROWS: _written_rows}
