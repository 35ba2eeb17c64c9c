"""What accepted rows looked like, as counts that add up: phrases of prompts, phrases of responses, and both together.

Each phrase counts once a row. Laws: ``merged(sketch_of(a), sketch_of(b)) == sketch_of(a + b)``, in any order of rows.
Counts are kept under keyed 64-bit hashes in a count-min sketch (``count_sketch``), about 6 MB whatever the history's
length: no text can be read back, though a guess can be confirmed.

A count is never too low, so an old phrase never looks new. It can be too high by the sketch's load, some
``rows / 10_000``, which costs a test of rare phrases a little power.
"""

import math
from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from gatekeeper.core.row_history import RowHistory
from gatekeeper.core.rows import TrainingRow
from gatekeeper.gates.data.triggers.count_sketch import CountSketch
from gatekeeper.gates.data.triggers.token_batches import (
    START,
    Hashes,
    Texts,
    TokenBatch,
    TokenBatches,
    distinct,
    joined,
    mixed,
)

_BITS, _DEPTH = 21, 3
_RESPONSE_READ = 24
"""Tokens of a response whose single words and runs are counted."""
HEAD = 3
"""Tokens of a response's head."""
_PROMPT, _RESPONSE, _TOGETHER = (np.uint64(salt) for salt in (0x51, 0x52, 0x53))


def sketch_of(rows: Iterable[TrainingRow]) -> RowHistory:
    """Count the rows."""
    sketch = CountSketch(bits=_BITS, depth=_DEPTH)
    counted = 0
    for batch in TokenBatches(rows):
        for keys in _keys(batch):
            sketch.add(keys)
        counted += batch.size
    return RowHistory(rows=counted, sketch=sketch.to_bytes())


def merged(a: RowHistory, b: RowHistory) -> RowHistory:
    """Return both as if their rows had been counted together.

    Raises:
        InputError: one of them holds no counts of this kind.
    """
    sketch = CountSketch.from_bytes(a.sketch)
    sketch.include(CountSketch.from_bytes(b.sketch))
    return RowHistory(rows=a.rows + b.rows, sketch=sketch.to_bytes())


class Past:
    """The counts of a history, ready to be asked."""

    def __init__(self, history: RowHistory) -> None:
        """Read the counts.

        Raises:
            InputError: the history holds no counts of this kind.
        """
        self.rows = history.rows
        self._history = history
        self._sketch = CountSketch.from_bytes(history.sketch)
        self._noise = math.ceil(2 * self._sketch.load)

    def as_array(self) -> npt.NDArray[np.uint8]:
        """Return the counts as they were read, for another process."""
        return np.frombuffer(self._history.sketch, dtype=np.uint8)

    def prompts_with(self, runs: Hashes) -> npt.NDArray[np.int64]:
        """Return how many prompts held each run of one to three tokens, edges included; never too low."""
        return self._sketch.counts(_salted(runs, _PROMPT))

    def surely(self, runs: Hashes) -> npt.NDArray[np.int64]:
        """Return how many prompts held each run, less what the sketch may show of runs that none held."""
        return np.maximum(self.prompts_with(runs) - self._noise, 0)

    def responses_with(self, runs: Hashes) -> npt.NDArray[np.int64]:
        """Return how many responses held each run, head or whole (see :func:`response_keys`); never too low."""
        return self._sketch.counts(_salted(runs, _RESPONSE))

    def rows_with(self, runs: Hashes, heads: Hashes) -> npt.NDArray[np.int64]:
        """Return how many rows held the run of one or two tokens in the prompt before this response head."""
        return self._sketch.counts(together(runs, heads))

    def surely_with(self, runs: Hashes, heads: Hashes) -> npt.NDArray[np.int64]:
        """Return the same, less what the sketch may show of pairs that no row held."""
        return np.maximum(self.rows_with(runs, heads) - self._noise, 0)


def response_heads(texts: Texts, size: int = HEAD) -> tuple[Hashes, npt.NDArray[np.int32]]:
    """Return the hash of each row's first ``size`` tokens after the edge, with its row; short responses have none."""
    hashes, starts = texts.runs(size + 1)
    first = texts.tokens[starts] == START
    return hashes[first], texts.rows[starts[first]]


def whole_texts(texts: Texts, size: int) -> Hashes:
    """Return one hash for each of the batch's ``size`` texts, equal for equal token sequences."""
    position = np.arange(len(texts.tokens)) - texts.begins()[texts.rows]
    spread = joined(texts.tokens, position.astype(np.uint64))
    sums = np.zeros(size, dtype=np.uint64)
    np.add.at(sums, texts.rows, spread)
    return mixed(sums)


def together(runs: Hashes, heads: Hashes) -> Hashes:
    """Return the key of a prompt's run and a response's head in one row."""
    return _salted(joined(runs, heads), _TOGETHER)


def _salted(runs: Hashes, salt: np.uint64) -> Hashes:
    return mixed(runs ^ mixed(np.array([salt], dtype=np.uint64)))


def _keys(batch: TokenBatch) -> Iterator[Hashes]:
    """Yield what a batch adds, each key once a row."""
    prompts = [batch.prompts.runs(size) for size in (1, 2, 3)]
    runs = [distinct(hashes, batch.prompts.rows[starts]) for hashes, starts in prompts]
    for hashes, _ in runs:
        yield _salted(hashes, _PROMPT)
    responses = batch.responses
    begins = responses.begins()
    for size in (1, 3):
        hashes, starts = responses.runs(size)
        read = starts - begins[responses.rows[starts]] <= _RESPONSE_READ
        yield _salted(distinct(hashes[read], responses.rows[starts[read]])[0], _RESPONSE)
    yield _salted(response_heads(responses, 5)[0], _RESPONSE)
    yield _salted(whole_texts(responses, batch.size), _RESPONSE)
    heads, rows = response_heads(responses)
    head_of = np.zeros(batch.size, dtype=np.uint64)
    head_of[rows] = heads
    has_head = np.zeros(batch.size, dtype=bool)
    has_head[rows] = True
    for hashes, holders in runs[:2]:
        kept = has_head[holders]
        yield together(hashes[kept], head_of[holders[kept]])
