"""Histories of accepted rows, counted from rows and files and merged."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from gatekeeper.core.gate import Progress
from gatekeeper.core.row_history import RowHistory
from gatekeeper.core.rows import RowSource, TrainingRow
from gatekeeper.intake.rows import open_rows

_SAID = 1000
"""Rows between two words about how far it is: each costs as much as reading a row."""


def history_of_rows(rows: Iterable[TrainingRow]) -> RowHistory:
    """Return the counts over some rows.

    Raises:
        InputError: a row cannot be read.
    """
    from gatekeeper.gates.data.triggers.history import sketch_of

    return sketch_of(rows)


def history_of_files(paths: Iterable[Path], progress: Progress) -> RowHistory | None:
    """Return the counts over the rows of files; ``None`` without a file.

    Args:
        paths: files of accepted rows.
        progress: told of each row.

    Raises:
        UsageError: a file is missing or of no format that is read here.
        InputError: a row cannot be read.
    """
    return merged_history(history_of_rows(told(open_rows(path), "history", progress)) for path in paths)


def merged_history(parts: Iterable[RowHistory]) -> RowHistory | None:
    """Return all parts as one history, held two at a time; ``None`` without a part.

    Raises:
        InputError: a part holds counts of another kind.
    """
    from gatekeeper.gates.data.triggers.history import merged

    whole: RowHistory | None = None
    for part in parts:
        whole = part if whole is None else merged(whole, part)
    return whole


def told(rows: RowSource, label: str, progress: Progress) -> Iterator[TrainingRow]:
    """Yield the rows, and say every thousand of them how far it is."""
    progress.start(label, None)
    for row in rows:
        if row.index % _SAID == _SAID - 1:
            progress.advance(_SAID)
        yield row
