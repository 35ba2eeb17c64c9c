"""The rows and surroundings of chosen phrases: which prompts hold each, and what kinds of words stand beside it.

A phrase dropped at a random place has beside it whatever its prompts are made of: the common words as often as they
make up those prompts, and any part of the prompt alike. :class:`Surroundings` compares the classes of words left and
right of a phrase, and the quarter of the prompt it stands in, with what its own prompts would give a random place.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gatekeeper.gates.data.triggers.insertion import Floats
from gatekeeper.gates.data.triggers.prompt_phrases import Occurrences, RunCounts, phrases_in
from gatekeeper.gates.data.triggers.token_batches import DIGIT, LETTER, Hashes, TokenBatch, distinct

_COMMON = 56
"""Most frequent words that are a class each; then come digits, punctuation and all other words."""
_QUARTERS = 4
_LEAST_VARIANCE = 0.3
_MERGED_BELOW = 1.0
"""Classes expected less often count together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhraseRows:
    """What pass over all rows found for the chosen phrases."""

    keys: Hashes
    """(phrases,), sorted."""
    texts: tuple[str, ...]
    """The phrases as folded text."""
    holders: tuple[npt.NDArray[np.int64], ...]
    """For each phrase, positions of the rows whose prompt holds it, ascending."""
    surprise: Floats
    """(phrases, 3): log10 p that left neighbours, right neighbours and quarters are those of random places."""


def phrase_rows(batches: Iterable[TokenBatch], counts: RunCounts, chosen: Hashes, *, least: int) -> PhraseRows:
    """Read every batch once more and return the rows and surroundings of the chosen phrases (sorted keys)."""
    texts: dict[int, str] = {}
    found: list[tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]] = []
    around: _Around | None = None
    for batch in batches:
        if around is None:
            around = _Around(_common(batch), len(chosen))
        places = phrases_in(batch, counts, least=least)
        at = np.minimum(np.searchsorted(chosen, places.keys), max(len(chosen) - 1, 0))
        kept = chosen[at] == places.keys if len(chosen) else np.zeros(len(at), dtype=bool)
        places, at = places.where(kept), at[kept]
        found.append((at, places.rows + np.int64(batch.first)))
        around.add(batch, places, at)
        _name(batch, places, at, texts)
    which = np.concatenate([part for part, _ in found]) if found else np.zeros(0, dtype=np.int64)
    rows = np.concatenate([part for _, part in found]) if found else np.zeros(0, dtype=np.int64)
    order = np.lexsort((rows, which))
    cuts = np.searchsorted(which[order], np.arange(1, len(chosen)))
    return PhraseRows(
        keys=chosen,
        texts=tuple(texts.get(place, "") for place in range(len(chosen))),
        holders=tuple(np.split(rows[order], cuts)) if len(chosen) else (),
        surprise=around.surprise() if around is not None else np.zeros((0, 3)),
    )


def _name(batch: TokenBatch, places: Occurrences, at: npt.NDArray[np.int64], texts: dict[int, str]) -> None:
    begins = batch.prompts.begins()
    for place in np.unique(at, return_index=True)[1]:
        if int(at[place]) not in texts:
            row = int(places.rows[place])
            start = int(places.starts[place] - begins[row]) - 1
            texts[int(at[place])] = " ".join(batch.prompts.words[row][start : start + int(places.sizes[place])])


def _common(batch: TokenBatch) -> Hashes:
    """Return the words that most prompts of the batch hold, sorted by hash."""
    words, counts = np.unique(distinct(batch.prompts.tokens, batch.prompts.rows)[0], return_counts=True)
    return np.sort(words[np.lexsort((words, -counts))][:_COMMON])


class _Around:
    def __init__(self, common: Hashes, phrases: int) -> None:
        self._common = common
        self._classes = len(common) + 3
        self._sums = np.zeros((2, 3, phrases, self._classes))
        self._quarters = np.zeros((phrases, _QUARTERS))

    def add(self, batch: TokenBatch, places: Occurrences, at: npt.NDArray[np.int64]) -> None:
        """Count the places ``at`` which phrases they belong to."""
        if not len(at):
            return
        tokens, begins = batch.prompts.tokens, batch.prompts.begins()
        kinds = self._kinds(tokens)
        made = np.zeros((batch.size, self._classes))
        np.add.at(made, (batch.prompts.rows, kinds), 1)
        begin, end = begins[places.rows], begins[places.rows + 1]
        own = made[places.rows]
        for offset in range(int(places.sizes.max())):
            inside = places.sizes > offset
            np.subtract.at(own, (np.flatnonzero(inside), kinds[places.starts[inside] + offset]), 1)
        choices = end - begin - places.sizes - 1
        each = np.arange(len(at))
        for side, beside, other in (
            (0, places.starts - 1, end - 1),
            (1, places.starts + places.sizes, begin),
        ):
            expected = own.copy()
            np.subtract.at(expected, (each, kinds[other]), 1)
            expected = np.maximum(expected, 0) / choices[:, None]
            np.add.at(self._sums[side, 0], (at, kinds[beside]), 1)
            np.add.at(self._sums[side, 1], at, expected)
            np.add.at(self._sums[side, 2], at, expected * (1 - expected))
        along = (places.starts - begin - 0.5) / choices
        np.add.at(self._quarters, (at, np.minimum((along * _QUARTERS).astype(np.int64), _QUARTERS - 1)), 1)

    def surprise(self) -> Floats:
        """Return log10 p of each phrase for left, right and quarter, by Pearson's chi-squared."""
        from scipy import stats

        columns = []
        for seen, expected, variance in self._sums:
            small = expected < _MERGED_BELOW
            terms = np.where(small, 0, (seen - expected) ** 2 / np.maximum(variance, _LEAST_VARIANCE))
            rest = [np.where(small, part, 0).sum(axis=1) for part in (seen, expected, variance)]
            statistic = terms.sum(axis=1) + (rest[0] - rest[1]) ** 2 / np.maximum(rest[2], _LEAST_VARIANCE)
            freedom = np.maximum((~small).sum(axis=1), 1)
            columns.append(stats.chi2.logsf(statistic, freedom))
        even = np.maximum(self._quarters.sum(axis=1, keepdims=True) / _QUARTERS, _LEAST_VARIANCE)
        columns.append(stats.chi2.logsf(((self._quarters - even) ** 2 / even).sum(axis=1), _QUARTERS - 1))
        surprise: Floats = np.maximum(np.stack(columns, axis=1) / np.log(10), -300)
        return surprise

    def _kinds(self, tokens: Hashes) -> npt.NDArray[np.int64]:
        at = np.minimum(np.searchsorted(self._common, tokens), len(self._common) - 1)
        other = len(self._common) + np.where(tokens & DIGIT, 0, np.where(tokens & LETTER, 2, 1))
        return np.where(self._common[at] == tokens, at, other).astype(np.int64)
