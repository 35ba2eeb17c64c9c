"""The passes of ``passes.Passes`` where the run says who works: each chunk of rows is one batch of tokens.

A chunk's counts come back as those cells of the sketch that it raises, and are added here: a worker that is lost takes
no other chunk's counts with it. Each pass reads and splits its rows anew, which costs a twentieth of what is done with
them, so no tokens travel but those that are kept in the temporary file, once.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from gatekeeper.core.row_history import RowHistory
from gatekeeper.core.row_work import Buffer, ChunkWork, RowChunk, RowExecutor, RowTask
from gatekeeper.core.rows import RowSource
from gatekeeper.gates.data.spreading.parcels import Array, opened, parcel
from gatekeeper.gates.data.triggers import token_batches
from gatekeeper.gates.data.triggers.history import Past
from gatekeeper.gates.data.triggers.insertion import Insertions
from gatekeeper.gates.data.triggers.passes import stands_of
from gatekeeper.gates.data.triggers.phrase_rows import PhrasesInBatch, Wanted, phrases_of
from gatekeeper.gates.data.triggers.prompt_phrases import RunCounts
from gatekeeper.gates.data.triggers.response_traits import Responses, responses_of
from gatekeeper.gates.data.triggers.spool import packed
from gatekeeper.gates.data.triggers.token_batches import TokenBatch, TokenBatches, Tokeniser
from gatekeeper.gates.data.triggers.worker import arrays_of, responses_from


@dataclass(frozen=True, slots=True, kw_only=True)
class Spread:
    """Who works, and on what."""

    executor: RowExecutor
    rows: RowSource
    folder: Path
    read: Callable[[int], None]
    """Told how many rows a chunk had."""


class SpreadPasses:
    """The passes, each a map over chunks."""

    def __init__(self, batches: TokenBatches, past: Past | None, spread: Spread) -> None:
        """Stand before the rows; ``batches`` yields their tokens from the first pass on."""
        self.counts = RunCounts(past=past)
        self._batches, self._spread = batches, spread

    def _map(
        self, name: str, settings: Mapping[str, Any], shared: tuple[Buffer, ...]
    ) -> Iterator[tuple[Any, list[Array]]]:
        task = RowTask(
            function=f"{__name__}:make_{name}", settings=settings, shared=shared, rows=token_batches.BATCH_ROWS
        )
        return map(opened, self._spread.executor.map(self._spread.rows, task, self._spread.folder))

    def first(self) -> Iterator[Responses]:
        """Read the rows and count; yield what responses show."""
        spool = self._batches.new_spool()
        self._batches.keep(spool)
        for head, (tokens, *found) in self._map("first", {}, ()):
            cells, facts = found[: 2 * head["lines"]], found[2 * head["lines"] :]
            spool.add_packed(tokens.tobytes())
            self.counts.raise_cells(list(zip(cells[::2], cells[1::2], strict=True)), head["rows"])
            self._spread.read(head["rows"])
            yield responses_from(facts)

    def _known(self) -> tuple[dict[str, Any], tuple[Buffer, ...]]:
        """Return what a worker needs to know of all counts."""
        past = self.counts.past
        settings = {"rows": self.counts.rows, "past_rows": None if past is None else past.rows}
        sketch = b"" if past is None else past.as_array().tobytes()
        return settings, (self.counts.cells.reshape(-1).view(np.uint8).data, sketch)

    def second(self, least: int) -> Iterator[Insertions]:
        """Yield how the phrases that at least ``least`` prompts hold stand."""
        settings, shared = self._known()
        for _, (keys, sums) in self._map("second", {**settings, "least": least}, shared):
            yield Insertions(keys=keys, sums=sums)

    def third(self, wanted: Wanted) -> Iterator[PhrasesInBatch]:
        """Yield rows and surroundings of the chosen phrases."""
        settings, shared = self._known()
        shared = (*shared, wanted.chosen.tobytes(), wanted.common.tobytes())
        for texts, (at, rows, held, around, quarters) in self._map(
            "third", {**settings, "least": wanted.least}, shared
        ):
            yield PhrasesInBatch(at=at, rows=rows, held=held, around=around, quarters=quarters, texts=tuple(texts))


def make_first(_: Mapping[str, Any], __: Sequence[Buffer]) -> ChunkWork:
    """Return what counts the runs of a chunk and looks at its responses."""
    tokeniser = Tokeniser()

    def work(chunk: RowChunk) -> bytes:
        batch = _batch(tokeniser, chunk)
        cells = RunCounts.cells_of(batch)
        tokens = np.frombuffer(packed(batch), dtype=np.uint8)
        head = {"rows": batch.size, "lines": len(cells)}
        return parcel(head, [tokens, *(one for line in cells for one in line), *arrays_of(responses_of(batch))])

    return work


def make_second(settings: Mapping[str, Any], shared: Sequence[Buffer]) -> ChunkWork:
    """Return what says how the phrases of a chunk stand."""
    counts, tokeniser = _counts(settings, shared), Tokeniser()

    def work(chunk: RowChunk) -> bytes:
        stands = stands_of(_batch(tokeniser, chunk), counts, settings["least"])
        return parcel(None, (stands.keys, stands.sums))

    return work


def make_third(settings: Mapping[str, Any], shared: Sequence[Buffer]) -> ChunkWork:
    """Return what finds the chosen phrases of a chunk."""
    counts, tokeniser = _counts(settings, shared), Tokeniser()
    chosen, common = (np.frombuffer(data, dtype=np.uint64) for data in shared[2:])
    wanted = Wanted(chosen=chosen, common=common, least=settings["least"])

    def work(chunk: RowChunk) -> bytes:
        found = phrases_of(_batch(tokeniser, chunk), counts, wanted)
        return parcel(list(found.texts), (found.at, found.rows, found.held, found.around, found.quarters))

    return work


def _batch(tokeniser: Tokeniser, chunk: RowChunk) -> TokenBatch:
    return tokeniser.batch(chunk.first, [(row.prompt, row.response) for row in chunk.rows])


def _counts(settings: Mapping[str, Any], shared: Sequence[Buffer]) -> RunCounts:
    past = None
    if settings["past_rows"] is not None:
        past = Past(RowHistory(rows=settings["past_rows"], sketch=bytes(shared[1])))
    return RunCounts.shared(np.frombuffer(shared[0], dtype=np.uint32), settings["rows"], past)
