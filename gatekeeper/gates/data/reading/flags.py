"""Rows that a gate points at, in the one form every data gate reports them: ``flagged.jsonl``.

A flag is a measurement and no decision: it says that one test found one row, why, and what would make the row
acceptable. One line for each row and test, ordered by row and then by test; the text of the row stays out.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from gatekeeper.gates.data.reading.spans import Span, write_lines

FLAGGED = "flagged.jsonl"
"""One line a flagged row and test: ``row``, ``id``, ``test``, ``reason``, ``release``."""

LOOK = "A named reviewer reads the row and releases it, or the row is corrected or left out."
"""What releases a row when the test itself knows nothing better."""

_PLACES = 3


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class RowFlag:
    """One row that one test found."""

    row: int
    """Position of the row in the file, from 0."""
    test: str
    """The test's name within its gate, a word: ``association``, ``contact``."""
    id: str
    """The row's id, or its position where the id itself may not be shown."""
    reason: str
    """What was found, as a clause without the row's text."""
    release: str = LOOK
    """What would release the row, as a sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanTest:
    """How spans of certain types are flagged."""

    name: str
    """The test's name."""
    release: str
    """What would release such a row."""


def write_flags(folder: Path, flags: Iterable[RowFlag]) -> int:
    """Write :data:`FLAGGED` into a gate's evidence folder; return how many lines it has.

    A row that one test found several times is one line, whose reason joins theirs.
    """
    return write_lines(folder / FLAGGED, flag_lines(flags))


def flag_lines(flags: Iterable[RowFlag]) -> Iterator[dict[str, object]]:
    """Yield the published form of the flags, by row and test.

    A gate that meets its rows in order can write the lines of each row at once and hold no flag in memory. Law: the
    lines of rows in ascending order, one row after the other, are the lines of all their flags.
    """
    return (_line(tuple(same)) for _, same in groupby(sorted(set(flags)), key=_place))


def flags_of_spans(spans: Iterable[Span], ids: Mapping[int, str], tests: Mapping[str, SpanTest]) -> list[RowFlag]:
    """Return one flag for each row and test that spans belong to; types without a test flag nothing.

    Args:
        spans: what was found.
        ids: of the rows, by position.
        tests: by type of span.
    """
    found: dict[tuple[int, str], list[Span]] = {}
    for span in sorted(spans):
        if span.type in tests:
            found.setdefault((span.row, tests[span.type].name), []).append(span)
    return [
        RowFlag(row=row, test=name, id=ids[row], reason=f"holds {_places(here)}", release=tests[here[0].type].release)
        for (row, name), here in sorted(found.items())
    ]


def _places(spans: list[Span]) -> str:
    shown = [f"{span.type} in {span.field} at characters {span.start} to {span.end}" for span in spans[:_PLACES]]
    if len(spans) > _PLACES:
        shown.append(f"{len(spans) - _PLACES} more")
    return ", ".join(shown[:-1]) + (" and " if len(shown) > 1 else "") + shown[-1]


def _place(flag: RowFlag) -> tuple[int, str]:
    return flag.row, flag.test


def _line(same: tuple[RowFlag, ...]) -> dict[str, object]:
    first = same[0]
    return {
        "row": first.row,
        "id": first.id,
        "test": first.test,
        "reason": "; ".join(dict.fromkeys(flag.reason for flag in same)),
        "release": " ".join(dict.fromkeys(flag.release for flag in same)),
    }
