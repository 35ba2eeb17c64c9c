"""What the rows of one chunk say, and the names of some rows, as bytes."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import count
from typing import Any

from gatekeeper.core.row_work import Buffer, ChunkWork, RowChunk, RowTask
from gatekeeper.core.rows import TrainingRow
from gatekeeper.gates.data.content.scan import Settings, find_content
from gatekeeper.gates.data.reading.decoding import hides_characters
from gatekeeper.gates.data.spreading.bits import bits_of, is_marked, rows_as_bits
from gatekeeper.gates.data.spreading.parcels import parcel

CONTENT = RowTask(function=f"{__name__}:make_content", settings={}, rows=1024)
"""Finds flags of the content tests, and rows that hide characters, by place."""


def names_task(places: Sequence[int], rows: int) -> RowTask:
    """Return what finds index and id of the rows at these places among so many."""
    return RowTask(function=f"{__name__}:make_names", settings={}, shared=(rows_as_bits(places, rows),), worth=32)


def make_content(_: Mapping[str, Any], __: Sequence[Buffer]) -> ChunkWork:
    """Return the work of :data:`CONTENT`."""
    settings = Settings()

    def work(chunk: RowChunk) -> bytes:
        read, hidden = count(), []

        def rows() -> Iterator[TrainingRow]:
            for row in chunk.rows:
                place = chunk.first + next(read)
                if hides_characters(row.prompt) or hides_characters(row.response):
                    hidden.append(place)
                yield row

        flags = [(chunk.first + flag.place, flag.test, flag.reason) for flag in find_content(rows(), settings)]
        return parcel({"rows": next(read), "hidden": hidden, "flags": flags})

    return work


def make_names(_: Mapping[str, Any], shared: Sequence[Buffer]) -> ChunkWork:
    """Return the work of :func:`names_task`."""
    (marked,) = shared

    def work(chunk: RowChunk) -> bytes:
        bits = bits_of(marked)
        places = enumerate(chunk.rows, start=chunk.first)
        return parcel([(place, row.index, row.id) for place, row in places if is_marked(bits, place)])

    return work
