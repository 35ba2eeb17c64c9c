"""Chunks one after the other in this process."""

from collections.abc import Iterable, Iterator
from itertools import chain, islice

from gatekeeper.core.row_work import RowChunk, RowTask
from gatekeeper.core.rows import TrainingRow
from gatekeeper.gates.data.spreading.chunk_work import work_of


def over(rows: Iterable[TrainingRow], task: RowTask) -> Iterator[bytes]:
    """Yield what a task gives for each chunk of the rows."""
    work = work_of(task.function, task.settings, task.shared)
    stream, first = iter(rows), 0
    for head in stream:
        chunk = chain([head], islice(stream, task.rows - 1))
        yield work(RowChunk(first=first, rows=chunk))
        if next(chunk, None) is not None:
            raise RuntimeError("work on a chunk left rows unread")
        first += task.rows
