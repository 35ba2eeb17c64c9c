"""The phrases of prompts that come back, and where in each prompt they stand.

1. :class:`RunCounts` counts, once a row, every run of one to three tokens: of prompts exactly as they stand between
   their edges, of responses runs of one and two. Counts stay in fixed space.
2. :func:`phrases_in` finds in a batch every run that enough rows hold, and every longer phrase: three-token runs that
   overlap and come equally often are one phrase, however long.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from gatekeeper.gates.data.triggers.count_sketch import CountSketch, touched
from gatekeeper.gates.data.triggers.history import Past
from gatekeeper.gates.data.triggers.token_batches import (
    DIGIT,
    END,
    LETTER,
    START,
    Hashes,
    Texts,
    TokenBatch,
    distinct,
    joined,
)

Places = npt.NDArray[np.int64]
"""Positions in a flat array."""

_BITS, _DEPTH = 23, 2
_SIZES = (1, 2, 3)
_ALIKE = 0.75
"""Two overlapping runs belong together when the rarer comes at least this often with the other."""
_TRIMMED = 2
"""Words that may be cut from an end of a long phrase."""
_RESPONSE_SALT = np.uint64(0xA5A5_1F0D_9C3B_7788)


class RunCounts:
    """How many prompts and responses of all batches hold a run."""

    def __init__(self, *, past: Past | None = None, rows: int = 0, sketch: CountSketch | None = None) -> None:
        """Start with what was counted in so many rows, or with nothing; a past's prompts count as neighbours too."""
        self.rows = rows
        self.past = past
        self._sketch = sketch if sketch is not None else CountSketch(bits=_BITS, depth=_DEPTH)

    def add(self, batch: TokenBatch) -> None:
        """Count the batch's rows."""
        for keys in _counted(batch):
            self._sketch.add(keys)
        self.rows += batch.size
        self.__dict__.pop("_noise", None)

    @staticmethod
    def cells_of(batch: TokenBatch) -> list[tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]]:
        """Return, for each line of the counts, which cells the batch raises, ascending, and by how much."""
        return touched(np.concatenate(list(_counted(batch))), bits=_BITS, depth=_DEPTH)

    def raise_cells(self, lines: Sequence[tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]], rows: int) -> None:
        """Add what :meth:`cells_of` returned for so many other rows."""
        for line, (cells, counts) in enumerate(lines):
            self._sketch.cells[line][cells] += counts
        self.rows += rows
        self.__dict__.pop("_noise", None)

    @property
    def cells(self) -> npt.NDArray[np.uint32]:
        """The counts themselves, which add up: (lines, cells)."""
        return self._sketch.cells

    def include(self, cells: npt.NDArray[np.uint32], rows: int) -> None:
        """Add what was counted elsewhere in as many other rows."""
        self._sketch.cells += cells.reshape(self.cells.shape)
        self.rows += rows
        self.__dict__.pop("_noise", None)

    @classmethod
    def shared(cls, cells: npt.NDArray[np.uint32], rows: int, past: Past | None) -> "RunCounts":
        """Return counts that others share, to be read only."""
        return cls(past=past, rows=rows, sketch=CountSketch.of_cells(cells.reshape(_DEPTH, 1 << _BITS)))

    @cached_property
    def _noise(self) -> int:
        return int(2 * self._sketch.load)

    @property
    def prompts(self) -> int:
        """Prompts that count as neighbours, earlier ones included."""
        return self.rows + (self.past.rows if self.past is not None else 0)

    def prompts_with(self, runs: Hashes) -> npt.NDArray[np.int64]:
        """Return how many prompts hold each run, (runs,); never too low."""
        return self._sketch.counts(runs)

    def responses_with(self, runs: Hashes) -> npt.NDArray[np.int64]:
        """Return how many responses hold each run of one or two tokens, (runs,); never too low."""
        return self._sketch.counts(runs ^ _RESPONSE_SALT)

    def elsewhere(self, runs: Hashes, own: npt.NDArray[np.bool_] | bool) -> npt.NDArray[np.int64]:
        """Return how many other prompts, earlier accepted ones included, surely hold each run.

        Args:
            runs: hashes of runs of one to three tokens.
            own: whether the asking row holds the run itself and so is no other.
        """
        counts = np.maximum(self._sketch.counts(runs) - self._noise - own, 0)
        if self.past is not None:
            counts += self.past.surely(runs)
        return counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Occurrences:
    """First places of phrases in the rows of one batch; parallel arrays."""

    keys: Hashes
    """The phrase's hash."""
    rows: npt.NDArray[np.int32]
    """The row in the batch."""
    starts: Places
    """Where the phrase begins in the batch's flat prompt tokens."""
    sizes: Places
    """Its length in tokens."""

    def where(self, kept: npt.NDArray[np.bool_] | Places) -> "Occurrences":
        """Return those chosen by a mask or by positions."""
        return Occurrences(
            keys=self.keys[kept], rows=self.rows[kept], starts=self.starts[kept], sizes=self.sizes[kept]
        )


def phrases_in(batch: TokenBatch, counts: RunCounts, *, least: int) -> Occurrences:
    """Return each row's first place of each phrase that at least ``least`` prompts hold and that holds a word."""
    texts = batch.prompts
    tokens, rows = texts.tokens, texts.rows
    edge = (tokens == START) | (tokens == END)
    word = (tokens & (LETTER | DIGIT)) > 0
    parts: list[tuple[Hashes, Places, Places]] = []
    often = np.zeros(len(tokens), dtype=np.int64)
    triples = np.zeros(len(tokens), dtype=np.uint64)
    for size in _SIZES:
        hashes, starts = texts.runs(size)
        inside = ~edge[starts] & ~edge[starts + size - 1]
        hashes, starts = hashes[inside], starts[inside]
        found = counts.prompts_with(hashes)
        worded = np.any([word[starts + offset] for offset in range(size)], axis=0)
        kept = (found >= least) & worded
        parts.append((hashes[kept], starts[kept], np.full(int(kept.sum()), size)))
        if size == _SIZES[-1]:
            often[starts], triples[starts] = found, hashes
    parts.append(_long_phrases(often, triples, least))
    keys, starts, sizes = (np.concatenate([part[at] for part in parts]) for at in range(3))
    order = np.argsort(starts, kind="stable")
    keys, starts, sizes = keys[order], starts[order], sizes[order]
    _, first = np.unique(joined(rows[starts].astype(np.uint64), keys), return_index=True)
    return Occurrences(keys=keys[first], rows=rows[starts[first]], starts=starts[first], sizes=sizes[first])


def _long_phrases(often: Places, triples: Hashes, least: int) -> tuple[Hashes, Places, Places]:
    """Return hash, start and size of each phrase of four tokens or more, and of its parts without an end.

    Where the word beside a phrase is mostly the same one, such as a full stop before a sentence, it is no part of it.
    """
    one, other = often[:-1], often[1:]
    linked = np.zeros(len(often) + 1, dtype=bool)
    linked[1:-1] = (np.minimum(one, other) >= least) & (np.minimum(one, other) >= _ALIKE * np.maximum(one, other))
    steps = np.diff(linked.astype(np.int8))
    begins, lasts = np.flatnonzero(steps == 1), np.flatnonzero(steps == -1)
    trims = [(0, 0), *((cut, 0) for cut in range(1, _TRIMMED + 1)), *((0, cut) for cut in range(1, _TRIMMED + 1))]
    begins = np.concatenate([begins + left for left, _ in trims])
    lasts = np.concatenate([lasts - right for _, right in trims])
    sizes = lasts - begins + _SIZES[-1]
    kept = sizes > _SIZES[-1]
    begins, lasts, sizes = begins[kept], lasts[kept], sizes[kept]
    keys = joined(joined(triples[begins], triples[lasts]), sizes.astype(np.uint64))
    return keys, begins, sizes


def _counted(batch: TokenBatch) -> Iterator[Hashes]:
    """Yield what the batch adds to the counts."""
    for size in _SIZES:
        yield _once(batch.prompts, size)
    for size in _SIZES[:2]:
        yield _once(batch.responses, size) ^ _RESPONSE_SALT


def _once(texts: Texts, size: int) -> Hashes:
    hashes, starts = texts.runs(size)
    return distinct(hashes, texts.rows[starts])[0]
