"""The three passes over all rows, in this process or in several: the same steps on the same batches in one order.

Counts add up exactly in any order. Sums of decimals do not, so each batch is summed by itself and the batches in
their order: the result is the same, to the last bit, whatever the number of processes.
"""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import chain, islice
from typing import Protocol

from gatekeeper.gates.data.triggers.history import Past
from gatekeeper.gates.data.triggers.insertion import Insertions, Neighbours, insertions_in
from gatekeeper.gates.data.triggers.phrase_rows import PhrasesInBatch, Wanted, phrases_of
from gatekeeper.gates.data.triggers.prompt_phrases import RunCounts, phrases_in
from gatekeeper.gates.data.triggers.response_traits import Responses, responses_of
from gatekeeper.gates.data.triggers.token_batches import KEPT, TokenBatch, TokenBatches

MOST = 4
"""Most processes: each takes some 250 MiB, 64 of them counts, and the rows' reader feeds no more than a few."""


class Passes(Protocol):
    """The passes, to be made one after the other; each yields one result a batch, in order."""

    counts: RunCounts
    """Complete after the first pass."""

    def first(self) -> Iterator[Responses]:
        """Read the rows and count; yield what responses show."""
        ...

    def second(self, least: int) -> Iterator[Insertions]:
        """Yield how the phrases that at least ``least`` prompts hold stand."""
        ...

    def third(self, wanted: Wanted) -> Iterator[PhrasesInBatch]:
        """Yield rows and surroundings of the chosen phrases."""
        ...


def passes(batches: TokenBatches, past: Past | None, processes: int) -> AbstractContextManager[Passes]:
    """Return the passes over these rows, which must not have been read yet when there is to be more than one process.

    Args:
        batches: afterwards they can be read again here.
        past: counts of accepted rows.
        processes: at most so many; 0 for one a core. More than one is used only for rows that repay their start.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    count = min(processes or cores, MOST)
    if count > 1 and os.name == "posix":
        stream = batches.raw()
        head = list(islice(stream, KEPT + 1))
        if len(head) > KEPT:
            from gatekeeper.gates.data.triggers.workers import SharedPasses

            return SharedPasses(batches, chain(head, stream), past, count)
        batches.put_back(head)
    return _here(batches, past)


@contextmanager
def _here(batches: TokenBatches, past: Past | None) -> Iterator[Passes]:
    yield _Here(batches, past)


class _Here:
    def __init__(self, batches: TokenBatches, past: Past | None) -> None:
        self._batches = batches
        self.counts = RunCounts(past=past)

    def first(self) -> Iterator[Responses]:
        for batch in self._batches:
            self.counts.add(batch)
            yield responses_of(batch)

    def second(self, least: int) -> Iterator[Insertions]:
        for batch in self._batches:
            yield stands_of(batch, self.counts, least)

    def third(self, wanted: Wanted) -> Iterator[PhrasesInBatch]:
        for batch in self._batches:
            yield phrases_of(batch, self.counts, wanted)


def stands_of(batch: TokenBatch, counts: RunCounts, least: int) -> Insertions:
    """Return how the batch's phrases stand."""
    places = phrases_in(batch, counts, least=least)
    return insertions_in(batch, places, Neighbours.of(batch, counts), counts)
