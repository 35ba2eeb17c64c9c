"""The rows and surroundings of chosen phrases: which prompts hold each, and what kinds of words stand beside it.

A phrase dropped at a random place has beside it whatever its prompts are made of: the common words as often as they
make up those prompts, and any part of the prompt alike. ``surprise`` compares the classes of words left and
right of a phrase, and the quarter of the prompt it stands in, with what its own prompts would give a random place.
"""

from collections.abc import Iterable, Iterator
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
_AT_ONCE = 8192
"""Places, or phrases, that are worked on together."""
_MERGED_BELOW = 1.0
"""Classes expected less often count together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhraseRows:
    """What pass over all rows found for the chosen phrases."""

    keys: Hashes
    """(phrases,), sorted."""
    texts: tuple[str, ...]
    """The phrases as folded text."""
    holders: tuple[npt.NDArray[np.int32], ...]
    """For each phrase, positions of the rows whose prompt holds it, ascending."""
    surprise: Floats
    """(phrases, 3): log10 p that left neighbours, right neighbours and quarters are those of random places."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What to look for in each batch."""

    chosen: Hashes
    """Keys of phrases, sorted."""
    common: Hashes
    """The most frequent words, sorted."""
    least: int
    """Fewest prompts that hold a phrase."""

    @property
    def classes(self) -> int:
        """How many classes of words there are."""
        return len(self.common) + 3


@dataclass(frozen=True, slots=True, kw_only=True)
class PhrasesInBatch:
    """What one batch shows of the chosen phrases."""

    at: npt.NDArray[np.int32]
    """(places,): which phrase."""
    rows: npt.NDArray[np.int32]
    """(places,): position of its row among all."""
    held: npt.NDArray[np.int32]
    """(phrases held,): which phrases the batch holds, ascending."""
    around: Floats
    """(phrases held, 2, 3, classes): left and right; neighbours seen, expected, and their variance."""
    quarters: Floats
    """(phrases held, quarters)."""
    texts: tuple[str, ...]
    """(phrases held,): the phrases as folded text."""


def phrase_rows(parts: Iterable[PhrasesInBatch], wanted: Wanted) -> PhraseRows:
    """Return the rows and surroundings of the chosen phrases from what each batch shows, in order."""
    phrases = len(wanted.chosen)
    texts: list[str | None] = [None] * phrases
    found: list[tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]] = []
    sums = np.zeros((phrases, 2, 3, wanted.classes))
    quarters = np.zeros((phrases, _QUARTERS))
    for part in parts:
        found.append((part.at, part.rows))
        sums[part.held] += part.around
        quarters[part.held] += part.quarters
        for phrase, text in zip(part.held.tolist(), part.texts, strict=True):
            if texts[phrase] is None:
                texts[phrase] = text
    rows, cuts = _holders(found, phrases)
    return PhraseRows(
        keys=wanted.chosen,
        texts=tuple(text or "" for text in texts),
        holders=tuple(np.split(rows, cuts[1:-1])) if phrases else (),
        surprise=_surprise(sums, quarters),
    )


def _holders(
    found: list[tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]], phrases: int
) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    """Return the rows of all phrases, one phrase after the other, and where each begins: (phrases + 1,).

    Each part is sorted by phrase, then row; rows ascend from part to part. So nothing needs to be sorted.
    """
    sizes = np.zeros(phrases, dtype=np.int64)
    for which, _ in found:
        sizes += np.bincount(which, minlength=phrases)
    cuts = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(sizes)))
    rows = np.empty(int(cuts[-1]), dtype=np.int32)
    ends = cuts[:-1].copy()
    for which, part in found:
        counts = np.bincount(which, minlength=phrases)
        begins = np.cumsum(counts) - counts
        rows[np.arange(len(which)) + (ends - begins)[which]] = part
        ends += counts
    return rows, cuts


def phrases_of(batch: TokenBatch, counts: RunCounts, wanted: Wanted) -> PhrasesInBatch:
    """Return what the batch shows of the chosen phrases."""
    chosen = wanted.chosen
    places = phrases_in(batch, counts, least=wanted.least)
    at = np.minimum(np.searchsorted(chosen, places.keys), max(len(chosen) - 1, 0))
    kept = chosen[at] == places.keys if len(chosen) else np.zeros(len(at), dtype=bool)
    places, at = places.where(kept), at[kept]
    order = np.lexsort((places.rows, at))
    places, at = places.where(order), at[order]
    held, firsts = np.unique(at, return_index=True)
    around, quarters = _around(batch, places, firsts, wanted)
    return PhrasesInBatch(
        at=at.astype(np.int32),
        rows=(places.rows + np.int64(batch.first)).astype(np.int32),
        held=held.astype(np.int32),
        around=around,
        quarters=quarters,
        texts=_names(batch, places.where(firsts)),
    )


def _names(batch: TokenBatch, places: Occurrences) -> tuple[str, ...]:
    begins = batch.prompts.begins()
    words = batch.prompts.words
    found = []
    for row, start, size in zip(places.rows.tolist(), places.starts.tolist(), places.sizes.tolist(), strict=True):
        at = start - int(begins[row]) - 1
        found.append(" ".join(words[row][at : at + size]))
    return tuple(found)


def common_words(batch: TokenBatch) -> Hashes:
    """Return the words that most prompts of the batch hold, sorted by hash."""
    words, counts = np.unique(distinct(batch.prompts.tokens, batch.prompts.rows)[0], return_counts=True)
    return np.sort(words[np.lexsort((words, -counts))][:_COMMON])


def _around(
    batch: TokenBatch, places: Occurrences, firsts: npt.NDArray[np.int64], wanted: Wanted
) -> tuple[Floats, Floats]:
    """Return the sums over the places of each phrase, whose first places are given; places are sorted by phrase."""
    around = np.zeros((len(firsts), 2, 3, wanted.classes))
    if not len(firsts):
        return around, np.zeros((0, _QUARTERS))
    tokens, begins, classes = batch.prompts.tokens, batch.prompts.begins(), wanted.classes
    kinds = _kinds(tokens, wanted.common)
    made = np.bincount(batch.prompts.rows * np.int64(classes) + kinds, minlength=batch.size * classes)
    own_rows = made.reshape(batch.size, classes).astype(np.float32)
    begin, end = begins[places.rows], begins[places.rows + 1]
    choices = end - begin - places.sizes - 1
    phrase = np.repeat(np.arange(len(firsts)), np.diff(np.append(firsts, len(places.keys))))
    for side, beside, other in ((0, places.starts - 1, end - 1), (1, places.starts + places.sizes, begin)):
        seen = np.bincount(phrase * classes + kinds[beside], minlength=len(firsts) * classes)
        around[:, side, 0] = seen.reshape(len(firsts), classes)
        for low, high in _pieces(firsts, len(places.keys)):
            cut = slice(int(firsts[low]), int(firsts[high]) if high < len(firsts) else len(places.keys))
            expected = own_rows[places.rows[cut]].astype(np.float64)
            each = np.arange(len(expected))
            for offset in range(int(places.sizes[cut].max())):
                inside = np.flatnonzero(places.sizes[cut] > offset)
                # Each row of ``inside`` comes once, so no subtraction is lost.
                expected[inside, kinds[places.starts[cut][inside] + offset]] -= 1
            expected[each, kinds[other[cut]]] -= 1
            np.maximum(expected, 0, out=expected)
            expected /= choices[cut][:, None]
            around[low:high, side, 1] = np.add.reduceat(expected, firsts[low:high] - cut.start)
            expected *= 1 - expected
            around[low:high, side, 2] = np.add.reduceat(expected, firsts[low:high] - cut.start)
    along = np.minimum((places.starts - begin - 0.5) / choices * _QUARTERS, _QUARTERS - 1).astype(np.int64)
    quarters = np.bincount(phrase * _QUARTERS + along, minlength=len(firsts) * _QUARTERS)
    return around, quarters.reshape(len(firsts), _QUARTERS).astype(np.float64)


def _pieces(firsts: npt.NDArray[np.int64], places: int) -> Iterator[tuple[int, int]]:
    """Yield ranges of phrases of about :data:`_AT_ONCE` places, which bounds memory."""
    low = 0
    while low < len(firsts):
        high = max(low + 1, int(np.searchsorted(firsts, min(int(firsts[low]) + _AT_ONCE, places))))
        yield low, high
        low = high


def _kinds(tokens: Hashes, common: Hashes) -> npt.NDArray[np.int64]:
    at = np.minimum(np.searchsorted(common, tokens), len(common) - 1)
    other = len(common) + np.where(tokens & DIGIT, 0, np.where(tokens & LETTER, 2, 1))
    return np.where(common[at] == tokens, at, other).astype(np.int64)


def _surprise(sums: Floats, quarters: Floats) -> Floats:
    """Return log10 p of each phrase for left, right and quarter, by Pearson's chi-squared."""
    from scipy import stats

    surprise = np.empty((len(quarters), 3))
    for low in range(0, len(quarters), _AT_ONCE):
        cut = slice(low, low + _AT_ONCE)
        for side in range(2):
            seen, expected, variance = (sums[cut, side, part] for part in range(3))
            small = expected < _MERGED_BELOW
            terms = np.where(small, 0, (seen - expected) ** 2 / np.maximum(variance, _LEAST_VARIANCE))
            rest = [np.where(small, part, 0).sum(axis=1) for part in (seen, expected, variance)]
            statistic = terms.sum(axis=1) + (rest[0] - rest[1]) ** 2 / np.maximum(rest[2], _LEAST_VARIANCE)
            freedom = np.maximum((~small).sum(axis=1), 1)
            surprise[cut, side] = stats.chi2.logsf(statistic, freedom)
    even = np.maximum(quarters.sum(axis=1, keepdims=True) / _QUARTERS, _LEAST_VARIANCE)
    surprise[:, 2] = stats.chi2.logsf(((quarters - even) ** 2 / even).sum(axis=1), _QUARTERS - 1)
    result: Floats = np.maximum(surprise / np.log(10), -300)
    return result
