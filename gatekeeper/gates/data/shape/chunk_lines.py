"""The lines of the table for one chunk of rows, as bytes."""

from collections.abc import Mapping, Sequence
from typing import Any

from gatekeeper.core.row_work import Buffer, ChunkWork, RowTask
from gatekeeper.gates.data.shape.row_frame import line_of
from gatekeeper.gates.data.spreading.parcels import parcel


def lines_task(*, texts: bool) -> RowTask:
    """Return what makes the lines, with the fields as read or without."""
    return RowTask(function=f"{__name__}:make", settings={"texts": texts}, worth=16)


def make(settings: Mapping[str, Any], _: Sequence[Buffer]) -> ChunkWork:
    """Return the work of :func:`lines_task`."""
    texts = settings["texts"]
    return lambda chunk: parcel([line_of(row, texts=texts) for row in chunk.rows])
