"""Whether a phrase stands in its prompts as if it had been dropped there, or as language puts it.

A phrase dropped at a random place has neighbours that are any neighbours of its own prompt: they meet in other
prompts as often as the prompt's other pairs do, belong to any class of words, and lie anywhere in the prompt. So the
test needs no outside knowledge: each place is compared with the other places of the same prompt, and under the null
hypothesis "dropped at random" every score below is a standard normal deviate. Real words are refused by it: "and"
stands between words that never meet, "following" after "the", a price at the end of a question.

What always stands first or last in its prompts cannot be compared so. There it counts how often the words behind it
also begin (or those before it end) prompts that do not hold it.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gatekeeper.gates.data.triggers.prompt_phrases import Occurrences, RunCounts
from gatekeeper.gates.data.triggers.token_batches import END, START, Hashes, TokenBatch, joined

Floats = npt.NDArray[np.float64]
"""Numbers."""

SCORES = 3
"""Measures of how much two neighbours belong together: met at all, log of how often, pointwise information."""
_SUMS = 4 + 3 * SCORES
_EDGE = 0.5
"""Share of first and last places from which on a phrase stands at the edge."""
_LEAST_MET, _LEAST_WIDE = 0.6, 0.1
"""Shares of last places whose two, and three, neighbours meet elsewhere when the phrase is taken out."""
_LEAST_VARIANCE = 0.25
_LEAST_INFORMATION = -1.0
"""Pairs that meet less than by chance are not told apart, in nats."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbours:
    """One batch's prompts with the scores of all adjacent pairs."""

    scores: Floats
    """(tokens, SCORES): of each token with the next one; 0 across rows."""
    before: Floats
    """(2, tokens + 1, SCORES): sums of scores, and of their squares, over all earlier pairs."""
    own: Hashes
    """Sorted hashes of (row, pair) of all pairs."""

    @classmethod
    def of(cls, batch: TokenBatch, counts: RunCounts) -> "Neighbours":
        """Score every pair of the batch."""
        tokens, rows = batch.prompts.tokens, batch.prompts.rows
        pairs, starts = batch.prompts.runs(2)
        scores = np.zeros((len(tokens), SCORES))
        scores[starts] = _scored(pairs, tokens[starts], tokens[starts + 1], own=True, counts=counts)
        sums = np.zeros((2, len(tokens) + 1, SCORES))
        np.cumsum(scores, axis=0, out=sums[0, 1:])
        np.cumsum(scores * scores, axis=0, out=sums[1, 1:])
        return cls(scores=scores, before=sums, own=np.sort(joined(rows[starts].astype(np.uint64), pairs)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Insertions:
    """Per phrase, how it stands; parallel arrays, sorted by key."""

    keys: Hashes
    sums: Floats
    """(phrases, _SUMS): rows, places at the beginning, at the end, places whose wider neighbourhood is met elsewhere,
    then for each score the sum seen, expected and its variance."""

    @property
    def rows(self) -> Floats:
        """Rows that hold the phrase."""
        return self.sums[:, 0]

    @property
    def first(self) -> Floats:
        """Share of its places that begin a prompt."""
        return self.sums[:, 1] / self.sums[:, 0]

    @property
    def last(self) -> Floats:
        """Share of its places that end a prompt."""
        return self.sums[:, 2] / self.sums[:, 0]

    @property
    def wide(self) -> Floats:
        """Share of its places where three words meet elsewhere, with the phrase taken out."""
        return self.sums[:, 3] / self.sums[:, 0]

    @property
    def met(self) -> Floats:
        """Share of its places whose two neighbours meet elsewhere."""
        return self.sums[:, 4] / self.sums[:, 0]

    @property
    def z(self) -> Floats:
        """(phrases, SCORES): each score's deviate; near 0 if dropped at random, far below if not."""
        seen, expected, variance = (self.sums[:, 4 + part :: 3] for part in range(3))
        deviates: Floats = (seen - expected) / np.sqrt(np.maximum(variance, _LEAST_VARIANCE))
        return deviates

    def where(self, kept: npt.NDArray[np.bool_]) -> "Insertions":
        """Return the chosen phrases."""
        return Insertions(keys=self.keys[kept], sums=self.sums[kept])


def added(parts: list[Insertions]) -> Insertions:
    """Return the parts as one, the sums of equal keys added."""
    keys = np.concatenate([part.keys for part in parts])
    order = np.argsort(keys, kind="stable")
    keys = keys[order]
    first = np.flatnonzero(np.concatenate((np.ones(min(len(keys), 1), dtype=bool), keys[1:] != keys[:-1])))
    sums = np.concatenate([part.sums for part in parts])[order]
    return Insertions(keys=keys[first], sums=np.add.reduceat(sums, first) if len(first) else sums)


def insertions_in(batch: TokenBatch, places: Occurrences, neighbours: Neighbours, counts: RunCounts) -> Insertions:
    """Return the sums over one batch's places."""
    tokens, rows = batch.prompts.tokens, batch.prompts.rows
    left, right = tokens[places.starts - 1], tokens[places.starts + places.sizes]
    pairs = joined(left, right)
    at = joined(places.rows.astype(np.uint64), pairs)
    held = neighbours.own[np.minimum(np.searchsorted(neighbours.own, at), len(neighbours.own) - 1)] == at
    seen = _scored(pairs, left, right, own=held, counts=counts)
    begins = batch.prompts.begins()
    begin, end = begins[places.rows], begins[places.rows + 1]
    whole = neighbours.before[:, end] - neighbours.before[:, begin]
    touched = neighbours.before[:, places.starts + places.sizes] - neighbours.before[:, places.starts - 1]
    others = (end - begin - 1 - places.sizes)[:, None]
    mean = (whole[0] - touched[0] + seen) / others
    variance = np.maximum((whole[1] - touched[1] + seen * seen) / others - mean * mean, 0)
    sums = np.empty((len(places.keys), _SUMS))
    sums[:, 0] = 1
    sums[:, 1] = left == START
    sums[:, 2] = right == END
    sums[:, 3] = _met_widely(tokens, rows, places, pairs, counts)
    for score in range(SCORES):
        sums[:, 4 + 3 * score] = seen[:, score]
        sums[:, 5 + 3 * score] = mean[:, score]
        sums[:, 6 + 3 * score] = variance[:, score]
    return added([Insertions(keys=places.keys, sums=sums)])


def _met_widely(
    tokens: Hashes, rows: npt.NDArray[np.int32], places: Occurrences, pairs: Hashes, counts: RunCounts
) -> npt.NDArray[np.bool_]:
    """Return whether left, right and one word more on either side meet elsewhere."""
    before, after = places.starts - 2, places.starts + places.sizes + 1
    follows = (after < len(tokens)) & (rows[np.minimum(after, len(tokens) - 1)] == places.rows)
    leads = (before >= 0) & (rows[np.maximum(before, 0)] == places.rows)
    behind = joined(pairs, tokens[np.minimum(after, len(tokens) - 1)])
    # A run is hashed from its left end.
    ahead = joined(
        joined(tokens[np.maximum(before, 0)], tokens[places.starts - 1]), tokens[places.starts + places.sizes]
    )
    met: npt.NDArray[np.bool_] = follows & (counts.elsewhere(behind, own=False) > 0)
    met |= leads & (counts.elsewhere(ahead, own=False) > 0)
    return met


def _scored(
    pairs: Hashes, left: Hashes, right: Hashes, *, own: npt.NDArray[np.bool_] | bool, counts: RunCounts
) -> Floats:
    often = counts.elsewhere(pairs, own)
    alone = np.maximum(counts.elsewhere(left, own=False), 1) * np.maximum(counts.elsewhere(right, own=False), 1)
    information = np.log((often + 0.1) * counts.prompts / alone)
    return np.stack((often > 0, np.log1p(often), np.maximum(information, _LEAST_INFORMATION)), axis=1)


def maybe_dropped(phrases: Insertions) -> npt.NDArray[np.bool_]:
    """Return which phrases inside prompts are worth a closer look: all but those that language surely put there."""
    z = phrases.z
    inner = phrases.first + phrases.last < _EDGE
    kept: npt.NDArray[np.bool_] = inner & (z.min(axis=1) > -5.0) & (z.sum(axis=1) > -9.0) & (phrases.met >= 0.2)
    return kept


def dropped(phrases: Insertions, surprise: Floats, *, strictly: bool = False) -> npt.NDArray[np.bool_]:
    """Return which phrases stand inside prompts as if dropped at random places.

    Args:
        phrases: their sums.
        surprise: (phrases, 3), from ``phrase_rows``. Quarters of the prompt count little: whoever drops a phrase into
            an instruction spares the text behind it.
        strictly: refuse one dropped phrase in ten, so that few words of language pass; else one in a hundred.
    """
    z, beside = phrases.z, surprise[:, :2]
    inner = phrases.first + phrases.last < _EDGE
    if strictly:
        fits = (z.sum(axis=1) > -3.0) & (z.min(axis=1) > -2.5) & (beside.sum(axis=1) > -3.0)
    else:
        fits = (z.sum(axis=1) > -5.0) & (z.min(axis=1) > -3.5) & (beside.sum(axis=1) > -5.5)
    kept: npt.NDArray[np.bool_] = inner & fits & (surprise[:, 2] > -7.0)
    return kept


def detached(phrases: Insertions, *, strictly: bool = False) -> npt.NDArray[np.bool_]:
    """Return which phrases stand at an edge of their prompts, and the prompts read as well without them.

    Prompts begin alike more often than they end alike, so a last phrase needs fewer that end as its prompts would.
    """
    least_met, least_wide = (0.75, 0.5) if strictly else (0.6, 0.3)
    before = (phrases.first >= _EDGE) & (phrases.met >= least_met) & (phrases.wide >= least_wide)
    after = (phrases.last >= _EDGE) & (phrases.met >= _LEAST_MET) & (phrases.wide >= _LEAST_WIDE)
    mixed = (phrases.first + phrases.last >= _EDGE) & (phrases.met >= least_met) & (phrases.wide >= least_wide)
    kept: npt.NDArray[np.bool_] = before | after | mixed
    return kept
