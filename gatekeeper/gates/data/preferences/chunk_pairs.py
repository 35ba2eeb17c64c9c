"""Both passes over the preferences of one chunk of rows, and their results as bytes.

The second pass reads the words of the pairs that are modelled: which these are, is known once all are counted.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from gatekeeper.core.row_work import Buffer, ChunkWork, RowChunk, RowTask
from gatekeeper.gates.data.origins.pseudonyms import ChunkKey
from gatekeeper.gates.data.origins.word_hashes import Hashes
from gatekeeper.gates.data.preferences.harmful_requests import asks_for_harm
from gatekeeper.gates.data.preferences.label_issues import words_of_answer
from gatekeeper.gates.data.preferences.pairs import NOBODY, Contrast, PairsPart
from gatekeeper.gates.data.reading.decoding import tokens
from gatekeeper.gates.data.spreading.bits import bits_of, is_marked, rows_as_bits
from gatekeeper.gates.data.spreading.parcels import Array, parcel
from regression.judges import Refusal

FIRST_PASS = RowTask(function=f"{__name__}:make_first", settings={})
"""Counts pairs."""


def words_pass(rows: Sequence[int], total: int) -> RowTask:
    """Return the reading of the words of pairs in these rows of so many as work on chunks."""
    return RowTask(function=f"{__name__}:make_words", settings={}, shared=(rows_as_bits(rows, total),))


def make_first(_: Mapping[str, Any], __: Sequence[Buffer]) -> ChunkWork:
    """Return the work of :data:`FIRST_PASS`."""
    judge = Refusal()
    return lambda chunk: parcel(*_counted(chunk, judge))


def make_words(_: Mapping[str, Any], shared: Sequence[Buffer]) -> ChunkWork:
    """Return the work of :func:`words_pass`."""
    (marked,) = shared

    def work(chunk: RowChunk) -> bytes:
        bits = bits_of(marked)
        words = [
            words_of_answer(text)
            for place, row in enumerate(chunk.rows, start=chunk.first)
            if is_marked(bits, place) and row.rejected is not None
            for text in (row.response, row.rejected)
        ]
        return parcel(None, _joined(words))

    return work


def words_in(_: Any, arrays: Sequence[Array]) -> Iterator[tuple[Hashes, Hashes]]:
    """Yield the hashed words of chosen and rejected answers that :func:`make_words` read, in order of rows."""
    words = _parted(*arrays)
    yield from zip(words[::2], words[1::2], strict=True)


def part_of(head: Any, arrays: Sequence[Array]) -> PairsPart:
    """Return what a chunk's result says."""
    row, index, person, prompt, chosen, rejected, chosen_words, rejected_words, order, *requests = arrays
    return PairsPart(
        names=head["names"],
        key=head["key"],
        ids=head["ids"],
        both_refuse=head["both_refuse"],
        contrasts=[
            Contrast(place=place, request=request, harmful=harmful, chosen_refuses=chosen_refuses)
            for (place, harmful, chosen_refuses), request in zip(head["contrasts"], _parted(*requests), strict=True)
        ],
        row=row,
        index=index,
        person=person,
        prompt=prompt,
        chosen=chosen,
        rejected=rejected,
        chosen_words=chosen_words,
        rejected_words=rejected_words,
        order=order,
    )


def _counted(chunk: RowChunk, judge: Refusal) -> tuple[dict[str, object], list[Array]]:
    key = ChunkKey()
    rows = both_refuse = 0
    names: dict[str, int] = {}
    ids: list[tuple[int, str]] = []
    contrasts: list[tuple[int, bool, bool]] = []
    requests: list[Hashes] = []
    numbers: list[tuple[int, ...]] = []
    digests: list[tuple[int, ...]] = []
    for rows, row in enumerate(chunk.rows, start=1):
        if row.rejected is None:
            continue
        place = len(numbers)
        key.add(row, row.provenance.contributor)
        if row.id != f"row-{row.index}":
            ids.append((place, row.id))
        name = row.provenance.contributor or NOBODY
        person = names.setdefault(name, len(names))
        said, other = tokens(row.response), tokens(row.rejected)
        lengths = (sum(token[0].isalnum() for token in said), sum(token[0].isalnum() for token in other))
        numbers.append((chunk.first + rows - 1, row.index, person, *lengths))
        prompt = _number(" ".join(tokens(row.prompt)))
        chosen, rejected = _number(" ".join(said)), _number(" ".join(other))
        digests.append((prompt, chosen, rejected, _mixed(prompt, chosen, rejected)))
        refuses = judge.score(row.response) > 0, judge.score(row.rejected) > 0
        both_refuse += all(refuses)
        if refuses[0] != refuses[1]:
            contrasts.append((place, asks_for_harm(row.prompt), refuses[0]))
            requests.append(words_of_answer(row.prompt))
    head = {
        "rows": rows,
        "names": list(names),
        "key": key.hex(),
        "ids": ids,
        "both_refuse": both_refuse,
        "contrasts": contrasts,
    }
    at = np.array(numbers, dtype=np.int64).reshape(-1, 5).T
    prompts, chosens, rejecteds, orders = np.array(digests, dtype=np.uint64).reshape(-1, 4).T
    columns = [at[0], at[1], at[2].astype(np.int32), prompts, chosens, rejecteds, at[3], at[4], orders]
    return head, [*columns, *_joined(requests)]


def _joined(texts: Sequence[Hashes]) -> list[Array]:
    """Return hashed words, all below 2**32, one text after the other, and where each text ends."""
    nothing = np.zeros(0, dtype=np.uint64)
    ends = np.cumsum([len(text) for text in texts], dtype=np.int64)
    return [np.concatenate([nothing, *texts]).astype(np.uint32), ends]


def _parted(joined: Array, ends: Array) -> list[Hashes]:
    """Return what :func:`_joined` was given."""
    return [part.astype(np.uint64) for part in np.split(joined, ends[:-1])] if len(ends) else []


def _number(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")


def _mixed(*numbers: int) -> int:
    """Return a number that does not change when chosen and rejected change places."""
    prompt, first, second = numbers
    return _number(f"{prompt} {min(first, second)} {max(first, second)}")
