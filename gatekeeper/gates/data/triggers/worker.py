"""One process that makes the passes over batches it is sent (``workers``): messages in, messages out.

1. ``first``: rows come as text; back go the batch for the temporary file and what its responses show. Phrases are
   counted here; ``counts`` asks for them, once.
2. ``share``: the sum of all counts lies in a file from now on.
3. ``second`` and ``third``: the batch lies in the temporary file.

It is started as a command, so it neither forks a process with threads nor runs the caller's main module again.
"""

import os
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from gatekeeper.core.row_history import RowHistory
from gatekeeper.gates.data.triggers.frames import Array, receive, send
from gatekeeper.gates.data.triggers.history import Past
from gatekeeper.gates.data.triggers.passes import stands_of
from gatekeeper.gates.data.triggers.phrase_rows import Wanted, phrases_of
from gatekeeper.gates.data.triggers.prompt_phrases import RunCounts
from gatekeeper.gates.data.triggers.response_traits import Responses, responses_of
from gatekeeper.gates.data.triggers.spool import batch_at, packed
from gatekeeper.gates.data.triggers.token_batches import RawTexts, Tokeniser

COMMAND = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); "
    "from gatekeeper.gates.data.triggers.worker import serve; serve(*map(int, sys.argv[2:]))"
)
"""What the process runs; its arguments: where modules lie, the files of tokens and of counts, as open descriptors."""


def texts_as_arrays(texts: RawTexts) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint8]]:
    """Return the lengths of all texts in characters, (2 rows,), and all of them as UTF-8."""
    flat = [text for pair in texts for text in pair]
    lengths = np.fromiter(map(len, flat), dtype=np.int64, count=len(flat))
    return lengths, np.frombuffer("".join(flat).encode("utf-8", "surrogatepass"), dtype=np.uint8)


def texts_of(lengths: Array, data: Array) -> RawTexts:
    """Return what :func:`texts_as_arrays` was given."""
    text = data.tobytes().decode("utf-8", "surrogatepass")
    ends = np.cumsum(lengths).tolist()
    flat = [text[begin:end] for begin, end in zip([0, *ends[:-1]], ends, strict=True)]
    return list(zip(flat[::2], flat[1::2], strict=True))


def arrays_of(facts: Responses) -> list[Array]:
    """Return the facts as arrays."""
    singles = (facts.wholes, facts.words, facts.unrelated, facts.refuses, facts.courteous, facts.signatures)
    return [*singles, *facts.heads]


def responses_from(arrays: Sequence[Array]) -> Responses:
    """Return what :func:`arrays_of` was given."""
    wholes, words, unrelated, refuses, courteous, signatures, *heads = arrays
    return Responses(
        wholes=wholes,
        heads=tuple(heads),
        words=words,
        unrelated=unrelated,
        refuses=refuses,
        courteous=courteous,
        signatures=signatures,
    )


def serve(tokens: int, cells: int) -> None:
    """Answer each message until the input ends.

    Args:
        tokens: descriptor of the file of tokens.
        cells: descriptor of the file of counts.
    """
    answers, sys.stdout = sys.stdout.buffer, sys.stderr
    worker = _Worker(tokens, cells)
    while True:
        try:
            head, arrays = receive(sys.stdin.buffer)
        except EOFError:
            return
        send(answers, *getattr(worker, head["do"])(head, arrays))


Answer = tuple[object, Sequence[Array]]
"""A message."""


class _Worker:
    def __init__(self, tokens: int, cells: int) -> None:
        self._tokens, self._cells = tokens, cells
        self._tokeniser = Tokeniser()
        self._counts = RunCounts()
        self._wanted: Wanted | None = None

    def first(self, head: Any, arrays: list[Array]) -> Answer:
        """Read and count a batch."""
        batch = self._tokeniser.batch(head["first"], texts_of(*arrays))
        self._counts.add(batch)
        return {}, [np.frombuffer(packed(batch), dtype=np.uint8), *arrays_of(responses_of(batch))]

    def counts(self, _: Any, __: list[Array]) -> Answer:
        """Return what was counted."""
        counts, self._counts, self._tokeniser = self._counts, RunCounts(), Tokeniser()
        return {"rows": counts.rows}, [counts.cells]

    def share(self, head: Any, arrays: list[Array]) -> Answer:
        """Read the counts of all from now on."""
        past = Past(RowHistory(rows=head["past_rows"], sketch=arrays[0].tobytes())) if arrays else None
        with os.fdopen(os.dup(self._cells), "rb") as file:
            cells: npt.NDArray[np.uint32] = np.memmap(file, dtype=np.uint32, mode="r")
        self._counts = RunCounts.shared(cells, head["rows"], past)
        return {}, ()

    def second(self, head: Any, _: list[Array]) -> Answer:
        """Return how the phrases of a batch stand."""
        stands = stands_of(batch_at(self._tokens, *head["place"]), self._counts, head["least"])
        return {}, (stands.keys, stands.sums)

    def want(self, head: Any, arrays: list[Array]) -> Answer:
        """Look for these phrases from now on."""
        self._wanted = Wanted(chosen=arrays[0], common=arrays[1], least=head["least"])
        return {}, ()

    def third(self, head: Any, _: list[Array]) -> Answer:
        """Return where the wanted phrases of a batch stand."""
        if self._wanted is None:
            raise RuntimeError("Say first which phrases are wanted.")
        found = phrases_of(batch_at(self._tokens, *head["place"]), self._counts, self._wanted)
        return list(found.texts), (found.at, found.rows, found.held, found.around, found.quarters)
