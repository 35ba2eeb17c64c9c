"""Training rows from a file, one at a time, as often as a gate wants to read them.

Nothing is kept between rows, so a file of any size can be gated. An empty file is an error and never a pass: no rows
is no evidence.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from gatekeeper.core.digests import sha256_file
from gatekeeper.core.errors import InputError
from gatekeeper.core.row_work import RowRange
from gatekeeper.core.rows import RowSource, TrainingRow
from gatekeeper.core.update import TrainingData
from gatekeeper.intake.ranges import ranges_of, understood
from gatekeeper.intake.records import format_of, read_records


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRows:
    """The rows of one file, read again from the start by every ``iter``."""

    path: Path

    def __iter__(self) -> Iterator[TrainingRow]:
        """Yield rows in file order.

        Raises:
            UsageError: the file is gone.
            InputError: a row cannot be read, or there is none.
        """
        index = -1
        for index, (place, record) in enumerate(read_records(self.path)):
            yield understood(self.path, place, record, index)
        if index < 0:
            raise InputError(f"{self.path} holds no rows.", hint="Give the rows the update was trained on.")

    def ranges(self, rows: int) -> Sequence[RowRange] | None:
        """Return where each run of so many rows lies; ``None`` for a format whose parts cannot be read alone.

        Raises:
            UsageError: the file is gone.
            InputError: it cannot be read.
        """
        return ranges_of(self.path, rows)


def open_rows(path: Path) -> RowSource:
    """Return the rows of a ``.jsonl``, ``.json``, ``.csv`` (each also ``.gz``) or ``.parquet`` file.

    The first row is read at once, so that a wrong file is named before any gate has run.

    Raises:
        UsageError: the file is missing, no file, or of a format we do not read.
        InputError: the first row cannot be read, or there is none.
    """
    format_of(path)
    rows = FileRows(path=path)
    next(iter(rows))
    return rows


def read_training_data(path: Path) -> TrainingData:
    """Return a training file's identity by content.

    Raises:
        UsageError: the file is missing, no file, or of a format we do not read.
        InputError: it cannot be read.
    """
    format_of(path)
    try:
        return TrainingData(path=path, sha256=sha256_file(path), size=path.stat().st_size)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.", hint="Check rights.") from error
