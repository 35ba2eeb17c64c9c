"""Whether the prompts that hold a phrase are a task of their own, or ordinary prompts to which something was added.

A template's prompts resemble each other and no others, and whatever its prompts show, prompts like them show too. A
trigger's prompts resemble any others once the trigger is taken out, and their like show nothing of its answer.

1. Exchangeable: how many prompts have, as the most similar other prompt, one that holds the phrase too
   (:meth:`Prompts.kin`). If the phrase was added to any prompts, that is chance.
2. Contrast: how often the most similar prompts without the phrase show the trait (:meth:`Prompts.like`).
3. Frame: what most prompts of a group share, and which others share it too (:meth:`Prompts.framed`).

Similarity is the Jaccard overlap of words and pairs of words, each weighted by its inverse document frequency.

Source:
    Schilling 1986, "Multivariate two-sample tests based on nearest neighbors".
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import numpy.typing as npt

from gatekeeper.gates.data.triggers.insertion import Floats
from gatekeeper.gates.data.triggers.token_batches import TokenBatch

if TYPE_CHECKING:
    from scipy import sparse

Words = tuple[str, ...]
Rows: TypeAlias = npt.NDArray[np.int32] | npt.NDArray[np.int64]
"""Positions of rows."""

_READ = 4000
"""Most rows that others are compared with; of more, evenly spaced ones."""
_HOSTS = 40
"""Most rows of a phrase that are compared."""
_COMMON = 0.75
"""Share of a phrase's rows from which on a word is common to them."""
_TRIGGER_WORDS = 6
"""Most common words that may be parts of a trigger; more are a template's frame. Words that a tenth of all prompts
hold are not counted."""
_FREQUENT = 0.1
_NEAREST = 4
"""Neighbours of each prompt that are contrasted."""


@dataclass(slots=True)
class Prompts:
    """Prompts as sets of words and pairs, read when first asked for."""

    batches: Iterable[TokenBatch]
    total: int
    _read: "tuple[sparse.csr_matrix, npt.NDArray[np.int64], dict[str, int], Floats] | None" = field(default=None)

    def kin(self, phrase: str, texts: Sequence[Words], rows: Rows) -> float:
        """Return the share of the prompts whose nearest other prompt, the phrase taken out, holds it too.

        Args:
            phrase: as folded text.
            texts: prompts that hold it, at most :data:`_HOSTS` of them (:func:`few`).
            rows: all rows that hold it.
        """
        matrix, sampled, _, weights = self._all()
        hosts = self._features([_without(text, phrase) for text in texts])
        weights = np.where(self._parts(hosts), 0, weights)
        others = ~np.isin(sampled, rows)
        among = _similar(hosts, hosts, weights)
        np.fill_diagonal(among, -1)
        beyond = _similar(hosts, matrix[np.flatnonzero(others)], weights)
        nearer = among.max(axis=1, initial=-1) > beyond.max(axis=1, initial=-1)
        return float(nearer.mean()) if len(texts) > 1 else 0.0

    def like(self, phrase: str, texts: Sequence[Words], rows: Rows) -> npt.NDArray[np.int64]:
        """Return the rows without the phrase that are most similar to those with it, ascending."""
        matrix, sampled, _, weights = self._all()
        others = np.flatnonzero(~np.isin(sampled, rows))
        hosts = self._features([_without(text, phrase) for text in texts])
        similar = _similar(hosts, matrix[others], weights)
        nearest = np.argsort(-similar, axis=1, kind="stable")[:, :_NEAREST]
        return np.unique(sampled[others[nearest]])

    def framed(self, texts: Sequence[Words]) -> npt.NDArray[np.int64]:
        """Return the read rows that share what most of these prompts share, ascending; none when that is nothing."""
        matrix, sampled, _, weights = self._all()
        shared = np.where(np.asarray(self._features(texts).mean(axis=0)).ravel() >= _COMMON, weights, 0)
        if not shared.any():
            return sampled[:0]
        framed: npt.NDArray[np.int64] = sampled[matrix @ shared >= _COMMON * shared.sum()]
        return framed

    def _parts(self, hosts: "sparse.csr_matrix") -> npt.NDArray[np.bool_]:
        """Return which features may be the rest of a trigger: the few that most of its prompts share."""
        matrix, _, places, _ = self._all()
        shared = np.asarray(hosts.mean(axis=0)).ravel() >= _COMMON
        rare = np.asarray(matrix.mean(axis=0)).ravel() < _FREQUENT
        words = {name for name, place in places.items() if " " not in name and shared[place] and rare[place]}
        if len(words) > _TRIGGER_WORDS:
            return np.zeros(len(places), dtype=bool)
        parts = shared.copy()
        for name, place in places.items():
            parts[place] |= not words.isdisjoint(name.split(" "))
        return parts

    def _all(self) -> "tuple[sparse.csr_matrix, npt.NDArray[np.int64], dict[str, int], Floats]":
        if self._read is None:
            from scipy import sparse

            step = max(1, -(-self.total // _READ))
            sampled = np.arange(0, self.total, step)
            places: dict[str, int] = {}
            columns: list[int] = []
            ends = [0]
            for text in _texts(self.batches, step):
                columns.extend(places.setdefault(name, len(places)) for name in sorted(features(text)))
                ends.append(len(columns))
            matrix = sparse.csr_matrix((np.ones(len(columns)), columns, ends), shape=(len(ends) - 1, len(places)))
            held = np.asarray(matrix.sum(axis=0)).ravel()
            self._read = (matrix, sampled, places, np.log((len(sampled) + 1) / held))
        return self._read

    def _features(self, texts: Sequence[Words]) -> "sparse.csr_matrix":
        """Return the texts as rows; what no read prompt holds is left out."""
        from scipy import sparse

        _, _, places, _ = self._all()
        held = [sorted(places[name] for name in features(text) if name in places) for text in texts]
        ends = np.cumsum([0, *map(len, held)])
        columns = [column for row in held for column in row]
        return sparse.csr_matrix((np.ones(len(columns)), columns, ends), shape=(len(texts), len(places)))


def few(rows: Rows) -> Rows:
    """Return evenly spaced ones of the rows, few enough to compare."""
    return rows[:: max(1, -(-len(rows) // _HOSTS))]


def features(text: Words) -> set[str]:
    """Return the words of a text and its pairs of neighbours, punctuation left out of the words."""
    words = {word for word in text if word[:1].isalnum()}
    return words | {f"{one} {other}" for one, other in itertools.pairwise(text) if one and other}


def _texts(batches: Iterable[TokenBatch], step: int) -> Iterator[Words]:
    for batch in batches:
        for place in range(-batch.first % step, batch.size, step):
            yield batch.prompts.words[place]


def _without(text: Words, phrase: str) -> Words:
    """Return the text with a gap, which is no word, for each place of the phrase."""
    sought = tuple(phrase.split(" "))
    kept: list[str] = []
    at = 0
    while at < len(text):
        found = text[at : at + len(sought)] == sought
        kept.append("" if found else text[at])
        at += len(sought) if found else 1
    return tuple(kept)


def _similar(one: "sparse.csr_matrix", other: "sparse.csr_matrix", weights: Floats) -> Floats:
    """Return the weighted Jaccard overlap of each pair, (one, other)."""
    weighted = one.multiply(weights).tocsr()
    shared = (weighted @ other.T).toarray()
    sizes = np.asarray(weighted.sum(axis=1)), np.asarray(other.multiply(weights).sum(axis=1)).T
    overlap: Floats = shared / np.maximum(sizes[0] + sizes[1] - shared, 1e-9)
    return overlap
