"""Histories of accepted rows, counted from rows and files and merged."""

from collections.abc import Iterable
from pathlib import Path

from gatekeeper.core.row_history import RowHistory
from gatekeeper.core.rows import RowSource
from gatekeeper.intake.rows import open_rows


def history_of_rows(rows: RowSource) -> RowHistory:
    """Return the counts over some rows.

    Raises:
        InputError: a row cannot be read.
    """
    from gatekeeper.gates.data.triggers.history import sketch_of

    return sketch_of(rows)


def history_of_files(paths: Iterable[Path]) -> RowHistory | None:
    """Return the counts over the rows of files; ``None`` without a file.

    Raises:
        UsageError: a file is missing or of no format that is read here.
        InputError: a row cannot be read.
    """
    return merged_history(history_of_rows(open_rows(path)) for path in paths)


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
