"""Training files as a stream of records: one object per row, with the place it was read from.

Memory holds one row, one buffer and one Parquet batch at most, whatever the size of the file. A record is what the
format says it is; what the record means is :mod:`gatekeeper.intake.shapes`.
"""

import csv
import gzip
import json
import zlib
from collections.abc import Generator, Iterable, Iterator
from contextlib import contextmanager
from itertools import accumulate
from pathlib import Path
from typing import BinaryIO, TypeAlias, cast

from gatekeeper.core.errors import InputError, UsageError
from gatekeeper.intake.strict_json import DECODER, StrictJsonError, parse_json

Record: TypeAlias = "tuple[str, dict[str, object]]"
"""The place, e.g. ``line 3`` or ``row 3`` (counted from 1, as editors do), and the object."""

MAX_ROW = 64 << 20
"""Largest single row, in bytes: beyond it a file is taken for damaged."""
_PIECE = 1 << 20
_BATCH = 256
_LIST_KEY = "data"
_SPACE = " \t\r\n"


def read_records(path: Path) -> Iterator[Record]:
    """Yield the records of a training file, whose format its name says.

    Raises:
        UsageError: the file is missing, no file, or of a format we do not read.
        InputError: a record cannot be read; the message names the file and the place.
    """
    reader = _READERS[format_of(path)]
    with damage_named(path):
        yield from reader(path)


@contextmanager
def damage_named(path: Path) -> Iterator[None]:
    """Turn what goes wrong while a file is read into an error that names it.

    Raises:
        InputError: the file is damaged or cannot be read.
    """
    try:
        yield
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InputError(
            f"{path} is damaged: it does not decompress.", hint="Fetch or write the file again."
        ) from error
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}.", hint="Check the file.") from error


def format_of(path: Path) -> str:
    """Return ``jsonl``, ``json``, ``csv`` or ``parquet``.

    Raises:
        UsageError: the file is missing, no file, or its name ends in none of them.
    """
    if not path.exists():
        raise UsageError(f"There is no file {path}.", hint="Check the path.")
    if path.is_dir():
        raise UsageError(f"{path} is a folder.", hint="Name one file of training rows.")
    name = path.name.lower()
    ending = name.removesuffix(".gz").rpartition(".")[2]
    ending = {"ndjson": "jsonl", "pq": "parquet"}.get(ending, ending)
    if ending not in _READERS or (ending == "parquet" and name.endswith(".gz")):
        raise UsageError(
            f"{path} is of no format that is read here.",
            hint="Give .jsonl, .json, .csv (each also .gz) or .parquet.",
        )
    return ending


def _open(path: Path) -> BinaryIO:
    if path.name.lower().endswith(".gz"):
        return cast("BinaryIO", gzip.open(path, "rb"))
    return path.open("rb")


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    with _open(path) as stream:
        number = 0
        while raw := stream.readline(MAX_ROW + 1):
            number += 1
            yield number, line_text(path, number, raw)


def line_text(path: Path, number: int, raw: bytes) -> str:
    """Return a line as text; lines are counted from 1.

    Raises:
        InputError: it is too long, or no UTF-8.
    """
    if len(raw) > MAX_ROW:
        raise _bad(path, f"line {number}", f"is longer than {MAX_ROW >> 20} MiB")
    try:
        return raw.decode("utf-8-sig" if number == 1 else "utf-8")
    except UnicodeDecodeError as error:
        raise _bad(path, f"line {number}", f"is not UTF-8 (byte {error.start})") from error


def _jsonl(path: Path) -> Iterator[Record]:
    for place, _text, value in json_lines(path):
        yield place, value


def json_lines(path: Path) -> Iterator[tuple[str, str, dict[str, object]]]:
    """Yield the records of a file of JSON lines: place, text without the space around it, and object.

    Raises:
        InputError: a line is no JSON object; wrap it into :func:`damage_named` for the rest.
    """
    return parsed_lines(path, _lines(path))


def parsed_lines(path: Path, lines: Iterable[tuple[int, str]]) -> Iterator[tuple[str, str, dict[str, object]]]:
    """Do the same with lines by number, some of a file's."""
    for number, line in lines:
        text = line.strip(_SPACE)
        if not text:
            continue
        place = f"line {number}"
        try:
            value = parse_json(text)
        except StrictJsonError as error:
            raise _bad(path, place, f"is no JSON: {error}") from error
        if not isinstance(value, dict):
            raise _bad(path, place, "is no JSON object")
        yield place, text, value


def _csv(path: Path) -> Iterator[Record]:
    csv.field_size_limit(MAX_ROW)
    reader = csv.reader((line for _, line in _lines(path)), strict=True)
    try:
        header = next(reader, None)
        if header is None:
            return
        if len(set(header)) != len(header):
            raise _bad(path, "line 1", "names a column twice")
        for cells in reader:
            place = f"line {reader.line_num}"
            if not cells:
                continue
            if len(cells) != len(header):
                raise _bad(path, place, f"has {len(cells)} cells, and the first line names {len(header)} columns")
            yield place, dict(zip(header, cells, strict=True))
    except csv.Error as error:
        raise _bad(path, f"line {reader.line_num}", f"is no CSV: {error}") from error


def _parquet(path: Path) -> Iterator[Record]:
    return parquet_records(path, 0, None)


def parquet_records(path: Path, begin: int, end: int | None) -> Iterator[Record]:
    """Yield the rows of a Parquet file from one number, counted from 0, up to another; only their row groups are read.

    Raises:
        InputError: they cannot be read; wrap it into :func:`damage_named` for the rest.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        with pq.ParquetFile(path, memory_map=False, pre_buffer=False) as file:
            sizes = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
            starts = list(accumulate(sizes, initial=0))
            last = starts[-1] if end is None else end
            groups = [at for at, start in enumerate(starts[:-1]) if start < last and starts[at + 1] > begin]
            if not groups:
                return
            number = starts[groups[0]]
            for batch in file.iter_batches(batch_size=_BATCH, row_groups=groups):
                if number + batch.num_rows <= begin:
                    number += batch.num_rows
                    continue
                for value in batch.to_pylist():
                    number += 1
                    if end is not None and number > end:
                        return
                    if number > begin:
                        yield f"row {number}", value
    except (pa.ArrowException, UnicodeDecodeError, ValueError) as error:
        first = (str(error).splitlines() or [""])[0][:200]
        raise _bad(path, f"row {number + 1}", f"cannot be read as Parquet: {first}") from error


def parquet_rows(path: Path) -> int:
    """Return how many rows a Parquet file says that it has.

    Raises:
        InputError: it cannot be read.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path, memory_map=False, pre_buffer=False) as file:
            return int(file.metadata.num_rows)
    except (pa.ArrowException, UnicodeDecodeError, ValueError) as error:
        raise _bad(path, "row 1", "cannot be read as Parquet") from error


class _Text:
    """The characters of one file, read in pieces, with a position that only moves forward."""

    def __init__(self, path: Path, stream: BinaryIO) -> None:
        self._path = path
        self._stream = stream
        self._rest = b""
        self._first = True
        self._ended = False
        self.text = ""
        self.at = 0

    def more(self) -> bool:
        """Read another piece; return whether there was one."""
        raw = self._stream.read(max(_PIECE, len(self.text) - self.at))
        self._ended = not raw
        data = self._rest + raw
        if self._first and data.startswith(b"\xef\xbb\xbf"):
            data = data[3:]
        self._first = False
        try:
            piece, self._rest = data.decode(), b""
        except UnicodeDecodeError as error:
            if self._ended or error.reason != "unexpected end of data":
                raise _bad(self._path, "the text", "is not UTF-8") from error
            piece, self._rest = data[: error.start].decode(), data[error.start :]
        self.text, self.at = self.text[self.at :] + piece, 0
        return not self._ended

    def peek(self) -> str:
        """Return the next character that is no space, or ``""`` at the end of the file."""
        while True:
            while self.at < len(self.text):
                if self.text[self.at] not in _SPACE:
                    return self.text[self.at]
                self.at += 1
            if not self.more():
                return ""

    def take(self, expected: str, place: str) -> str:
        """Move over one of the expected characters and return it."""
        found = self.peek()
        if not found or found not in expected:
            wanted = " or ".join(repr(character) for character in expected)
            raise _bad(self._path, place, f"is no JSON: {found or 'the end of the file'!r} where {wanted} belongs")
        self.at += 1
        return found

    def value(self, place: str) -> object:
        """Move over one JSON value and return it."""
        self.peek()
        while True:
            try:
                value, end = DECODER.raw_decode(self.text, self.at)
            except StrictJsonError as error:
                raise _bad(self._path, place, f"is no JSON: {error}") from error
            except RecursionError as error:
                raise _bad(self._path, place, "is nested too deeply") from error
            except ValueError as error:
                if len(self.text) - self.at > MAX_ROW or not self.more():
                    why = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
                    raise _bad(self._path, place, f"is no JSON: {why}") from error
            else:
                self.at = end
                return value


def _json(path: Path) -> Iterator[Record]:
    """Yield the rows of an array, of ``{"data": [...]}``, or of JSON lines under a ``.json`` name."""
    with _open(path) as stream:
        text = _Text(path, stream)
        opening = text.peek()
        if not opening:
            return
        if opening == "[":
            yield from _array(path, text)
            _require_end(path, text)
            return
        text.take("[{", "the text")
        listed = yield from _members(path, text)
        if listed:
            _require_end(path, text)
            return
    yield from _jsonl(path)


def _members(path: Path, text: _Text) -> Generator[Record, None, bool]:
    """Yield the rows under ``data``; return whether there was such a list."""
    place = "the outer object"
    if text.peek() == "}":
        text.take("}", place)
        return False
    lists: list[object] = []
    while True:
        key = text.value(place)
        text.take(":", place)
        if key == _LIST_KEY and text.peek() == "[":
            lists.append(key)
            yield from _array(path, text)
        elif isinstance(text.value(place), list):
            lists.append(key)
        if _LIST_KEY in lists and len(lists) > 1:
            raise _bad(path, place, f"holds another list beside {_LIST_KEY!r}, and a trainer could read either")
        if text.take(",}", place) == "}":
            return _LIST_KEY in lists


def _array(path: Path, text: _Text) -> Iterator[Record]:
    text.take("[", "the text")
    if text.peek() == "]":
        text.take("]", "the text")
        return
    number = 0
    while True:
        number += 1
        place = f"row {number}"
        value = text.value(place)
        if not isinstance(value, dict):
            raise _bad(path, place, "is no JSON object")
        yield place, value
        if text.take(",]", place) == "]":
            return


def _require_end(path: Path, text: _Text) -> None:
    if text.peek():
        raise _bad(path, "the text", "goes on after its end")


def _bad(path: Path, place: str, why: str) -> InputError:
    return InputError(f"{path}, {place}: {why}.", hint="Correct or remove it and try again.")


_READERS = {"jsonl": _jsonl, "json": _json, "csv": _csv, "parquet": _parquet}
