"""The first pass over one chunk of rows, and its result as bytes."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from gatekeeper.core.row_work import Buffer, ChunkWork, RowChunk, RowTask
from gatekeeper.gates.data.origins.backing import cells_of, counted_cells
from gatekeeper.gates.data.origins.label_flips import MOST_LABELS, CountedWords, fold_of
from gatekeeper.gates.data.origins.pseudonyms import ChunkKey
from gatekeeper.gates.data.origins.tally import NOBODY, Columns, HashedRow, TallyPart, hashed, response_shingles
from gatekeeper.gates.data.origins.word_hashes import Hashes, bands, gram_hashes
from gatekeeper.gates.data.spreading.parcels import Array, parcel


def first_pass(columns: Columns, *, min_words: int) -> RowTask:
    """Return the first pass as work on chunks.

    Args:
        columns: where rows say where they come from.
        min_words: of the shortest response that is compared with others.
    """
    return RowTask(function=f"{__name__}:make", settings={"columns": asdict(columns), "min_words": min_words})


def make(settings: Mapping[str, Any], _: Sequence[Buffer]) -> ChunkWork:
    """Return the work of :func:`first_pass`."""
    columns = Columns(**settings["columns"])
    return lambda chunk: parcel(*_counted(chunk, columns, settings["min_words"]))


def part_of(head: Any, arrays: Sequence[Array]) -> TallyPart:
    """Return what a chunk's result says."""
    person, label, time, words, text, long, keys, cells, people, counts, codes, held, rows = arrays
    return TallyPart(
        names=head["names"],
        labels=head["labels"],
        key=head["key"],
        ids=head["ids"],
        person=person,
        label=label,
        time=time,
        words=words,
        text=text,
        long=long,
        bands=keys,
        cells=(cells, people, counts),
        label_words=CountedWords(codes=codes, counts=held, rows=rows),
    )


def _counted(chunk: RowChunk, columns: Columns, min_words: int) -> tuple[dict[str, object], list[Array]]:
    key = ChunkKey()
    names: dict[str, int] = {}
    labels: dict[str, int] = {}
    ids: list[tuple[int, int, str]] = []
    person: list[int] = []
    label: list[int] = []
    time: list[float] = []
    words: list[int] = []
    text: list[int] = []
    long: list[bool] = []
    compared: list[Hashes] = []
    cells = []
    labelled: list[tuple[Hashes, int, int]] = []
    for place, row in enumerate(chunk.rows, start=chunk.first):
        said = columns.read(row)
        key.add(row, said.contributor)
        if row.id != f"row-{place}" or row.index != place:
            ids.append((place, row.index, row.id))
        name = said.contributor or NOBODY
        person.append(names.setdefault(name, len(names)))
        label.append(-1 if said.label is None else labels.setdefault(said.label, len(labels)))
        time.append(float("nan") if said.at is None else said.at.timestamp())
        read = hashed(row)
        words.append(len(read.response))
        text.append(int(gram_hashes(_digest(read), 2)[0]))
        cells.append((cells_of(read.prompt_hashes, read.response_hashes), person[-1]))
        if 0 <= label[-1] < MOST_LABELS:
            labelled.append((read.both, label[-1], fold_of(name)))
        long.append(len(read.response) >= min_words)
        if long[-1]:
            compared.append(response_shingles(read))
    if len(labels) > MOST_LABELS:
        labelled = []  # labels are a scale then, and nobody is compared by them
    counted = CountedWords.of(labelled, len(labels))
    head = {"rows": len(person), "names": list(names), "labels": list(labels), "ids": ids, "key": key.hex()}
    return head, [
        np.array(person, dtype=np.int32),
        np.array(label, dtype=np.int32),
        np.array(time, dtype=np.float64),
        np.array(words, dtype=np.int64),
        np.array(text, dtype=np.uint64),
        np.array(long, dtype=np.int8),
        bands(compared),
        *counted_cells(cells),
        counted.codes,
        counted.counts,
        counted.rows,
    ]


def _digest(read: HashedRow) -> Hashes:
    """Return two numbers, of the prompt and of the response, that depend on every word and its place."""
    return np.array([_one(read.prompt_hashes), _one(read.response_hashes)], dtype=np.uint64)


def _one(hashes: Hashes) -> int:
    places = np.arange(1, 2 * len(hashes) + 1, 2, dtype=np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    mixed = (hashes + places) * np.uint64(0xBF58476D1CE4E5B9)
    mixed ^= mixed >> np.uint64(31)
    return int((mixed * np.uint64(0x94D049BB133111EB)).sum(dtype=np.uint64))
