"""The second pass over one chunk of rows, and its result as bytes: what the first pass could not settle."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt

from gatekeeper.core.row_work import Buffer, ChunkWork, RowChunk, RowTask
from gatekeeper.gates.data.origins.backing import phrases_in
from gatekeeper.gates.data.origins.label_flips import ExpectedLabels, fold_of
from gatekeeper.gates.data.origins.tally import NOBODY, Columns, hashed, response_shingles
from gatekeeper.gates.data.origins.word_hashes import Hashes
from gatekeeper.gates.data.spreading.bits import bits_of, is_marked, rows_as_bits
from gatekeeper.gates.data.spreading.parcels import Array, opened, parcel
from regression.judges import Refusal


def second_pass(
    columns: Columns,
    *,
    alone: npt.NDArray[np.bool_],
    doubtful: npt.NDArray[np.intp],
    rows: int,
    model: ExpectedLabels | None,
) -> RowTask:
    """Return the second pass as work on chunks.

    Args:
        columns: where rows say where they come from.
        alone: (cells,): those with enough rows of a single contributor.
        doubtful: places of the responses that may be near-duplicates.
        rows: how many there are.
        model: what labels it expects of words; ``None`` where nobody is compared so.
    """
    return RowTask(
        function=f"{__name__}:make",
        settings={"columns": asdict(columns), "cells": len(alone)},
        shared=(
            np.packbits(alone).tobytes(),
            rows_as_bits(doubtful, rows),
            b"" if model is None else parcel(None, (model.prior, model.weights)),
        ),
    )


def make(settings: Mapping[str, Any], shared: Sequence[Buffer]) -> ChunkWork:
    """Return the work of :func:`second_pass`."""
    cells, doubtful, weights = shared
    columns = Columns(**settings["columns"])
    alone = np.unpackbits(np.frombuffer(cells, dtype=np.uint8), count=settings["cells"]).astype(bool)
    model = None
    if len(weights):
        _, (prior, weighed) = opened(weights)
        model = ExpectedLabels(prior=prior, weights=weighed)
    judge = Refusal()

    def work(chunk: RowChunk) -> bytes:
        return parcel(*_read(chunk, columns, alone, bits_of(doubtful), model, judge))

    return work


def _read(  # noqa: PLR0917 - what one process holds
    chunk: RowChunk,
    columns: Columns,
    alone: npt.NDArray[np.bool_],
    doubtful: npt.NDArray[np.uint8],
    model: ExpectedLabels | None,
    judge: Refusal,
) -> tuple[dict[str, object], list[Array]]:
    phrases: list[tuple[int, str, str]] = []
    places: list[int] = []
    lengths: list[int] = []
    refusals: list[bool] = []
    shingles: list[Hashes] = [np.zeros(0, dtype=np.uint64)]
    expected: list[int] = []
    for place, row in enumerate(chunk.rows, start=chunk.first):
        read = hashed(row)
        held = phrases_in(alone, (read.prompt, read.prompt_hashes), (read.response, read.response_hashes))
        phrases.extend((place, kind, text) for kind, text in held)
        if is_marked(doubtful, place):
            places.append(place)
            lengths.append(len(read.response))
            refusals.append(bool(judge.score(row.response)))
            shingles.append(response_shingles(read))
        said = columns.read(row)
        labelled = model is not None and said.label is not None
        fold = fold_of(said.contributor or NOBODY)
        expected.append(model.label(read.both, fold) if model is not None and labelled else -1)
    head = {"rows": len(expected), "first": chunk.first, "phrases": phrases}
    return head, [
        np.array(places, dtype=np.int64),
        np.array(lengths, dtype=np.int64),
        np.array(refusals, dtype=np.bool_),
        np.cumsum([len(one) for one in shingles[1:]], dtype=np.int64),
        np.concatenate(shingles),
        np.array(expected, dtype=np.int8),
    ]
