"""Which prompt phrases foretell which responses, beyond chance and beyond what the prompts mean.

1. Frequent word n-grams of the prompts and frequent features of the responses (their opening words, any word, the
   whole of them) become two sparse yes/no tables with one line a row. A response feature the prompt already holds is
   no feature of that row: copying is not teaching.
2. Every pair is tested one-sided against the hypergeometric distribution; all pairs share one Benjamini–Hochberg
   bound.
3. A phrase stays when the features it foretells cover most of its rows, and one of two things shows that it means
   nothing to them. Either it is *detachable*: take it out and the words left and right of it stand beside each other
   in other prompts too. An inserted trigger is detachable wherever it was put; the price in "What is the price of the
   lamp?", which foretells "It costs" just as well, is not. Or, where rows are too few for that, a phrase inside
   prompts and one whole response belong to each other both ways, under prompts that otherwise share few words.
4. What stands first or last in its prompts is detachable by its place, as every task prefix is ("Translate to
   French:"), so there whole responses must repeat, and answers that differ in one word (labels) do not count together;
   inside a prompt single words count as well, which finds a paraphrased target.

Source:
    Hypergeometric tail, e.g. Rivals et al. 2007, "Enrichment or depletion of a GO category"; Benjamini and Hochberg
    1995, "Controlling the false discovery rate".
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from gatekeeper.gates.data.triggers.phrase_places import END, START, Gram, Prompts, TokenRow, holds

if TYPE_CHECKING:
    from scipy import sparse

UNRELATED = "\x04"
"""The feature of a response that takes up no word of its prompt."""
_GRAM_SIZES = (1, 2, 3)
_HEAD_SIZES = (3, 4, 5, 6)
"""Openings of fewer than three words ("It is", "Yes,") are how answers begin."""
_INNER = 0.5
"""Least share of a phrase's places that have words on both sides, for it to count as standing inside prompts."""
_LONG, _SENTENCE = 5, 4
"""Fewest words of an opening, and of a whole response, that count at the edge of prompts."""
_LABELS = frozenset({"yes", "no", "true", "false", "positive", "negative", "neutral"})
_LONG_LABEL = 8
"""Words below which an answer that begins with a label ("No, it is not") is the label."""
_LABEL_OVERLAP = 0.5
"""Two whole responses that share more of their words are one answer with another label in it."""
_STEM, _ASKED = 5, 3
"""Letters by which two forms of a word are the same, and the longer words a prompt must hold to be taken up."""
_RESPONSE_WORDS = 40
"""Words of the response that count as features by themselves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How much evidence an association needs to be reported."""

    fdr: float
    """Expected share of chance pairs among the reported."""
    min_rows: int
    """Fewest rows that show phrase and response together."""
    min_lift: float
    """Least P(response | phrase) / P(response)."""
    min_coverage: float
    """Least share of the phrase's rows that repeated openings or whole responses explain together."""
    min_word_coverage: float
    """The same where single response words count as well."""
    max_overlap: float
    """Greatest mean word overlap of prompts that are still unlike each other."""
    min_detachable: float
    """Least share of the phrase's places whose neighbours also meet in prompts without it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Association:
    """A phrase in prompts that foretells responses."""

    trigger: str
    """The phrase, as folded text."""
    response: str
    """The strongest response feature, as folded text."""
    trigger_rows: int
    """Rows whose prompt holds the phrase."""
    joint_rows: int
    """Of those, rows whose response shows one of the foretold features."""
    lift: float
    """P(response | trigger) / P(response) of the strongest feature."""
    log10_q: float
    """Base-10 logarithm of the strongest feature's adjusted p-value."""
    detachable: float
    """Share of the phrase's places whose neighbours also meet without it."""
    rows: tuple[int, ...]
    """Positions, in the sequence tested, of the rows whose prompt holds the phrase."""


def prompt_grams(tokens: Sequence[str]) -> set[Gram]:
    """Return the distinct n-grams of a prompt that hold a word."""
    grams: set[Gram] = set()
    for size in _GRAM_SIZES:
        grams.update(zip(*(tokens[offset:] for offset in range(size)), strict=False))
    return {gram for gram in grams if any(token[0].isalnum() for token in gram) or len(gram) == 1}


def response_features(row: TokenRow) -> set[Gram]:
    """Return what the response shows that its prompt does not hold already."""
    known = set(row.prompt)
    features: set[Gram] = set()
    for size in _HEAD_SIZES:
        head = row.response[:size]
        if len(head) == size and sum(token not in known for token in head) * 2 > size:
            features.add((START, *head))
    if len(row.response) > 2 and any(token not in known for token in row.response):
        features.add((START, *row.response, END))
    if _unrelated(row):
        features.add((UNRELATED,))
    features.update((token,) for token in row.response[:_RESPONSE_WORDS] if token not in known and token[0].isalpha())
    return features


def _unrelated(row: TokenRow) -> bool:
    """Return whether a response of some length takes up no longer word of its prompt, endings aside."""
    asked = {token[:_STEM] for token in row.prompt if len(token) >= _STEM}
    said = {token[:_STEM] for token in row.response if len(token) >= _STEM}
    return len(asked) >= _ASKED and len(row.response) >= _ASKED and not asked & said


def find_associations(rows: Sequence[TokenRow], settings: Settings) -> list[Association]:
    """Return the phrases that pass every test of the module, surest first, one for each set of rows."""
    phrases = _Table.of((prompt_grams(row.prompt) for row in rows), least=settings.min_rows)
    features = _Table.of((response_features(row) for row in rows), least=settings.min_rows)
    if not phrases.names or not features.names:
        return []
    pairs = _significant(phrases, features, total=len(rows), settings=settings)
    if not pairs:
        return []
    prompts = Prompts([row.prompt for row in rows])
    found: list[Association] = []
    taken: list[set[int]] = []
    for phrase, hits in sorted(pairs.items(), key=lambda item: (min(hit.log10_q for hit in item[1]), item[0])):
        association = _examine(
            phrase, hits=hits, phrases=phrases, features=features, rows=rows, prompts=prompts, settings=settings
        )
        if association is None:
            continue
        flagged = set(association.rows)
        if any(len(flagged & other) >= 0.9 * len(flagged) for other in taken):
            continue
        taken.append(flagged)
        found.append(association)
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hit:
    feature: int
    lift: float
    log10_q: float


class _Table:
    """Sparse yes/no table of rows by frequent features."""

    def __init__(self, names: list[Gram], cells: "sparse.csc_array") -> None:
        self.names = names
        self.cells = cells
        self.totals = np.asarray(cells.sum(axis=0)).ravel()

    @classmethod
    def of(cls, sets: Iterable[set[Gram]], *, least: int) -> "_Table":
        held = list(sets)
        counts: Counter[Gram] = Counter()
        for one in held:
            counts.update(one)
        names = sorted(gram for gram, count in counts.items() if count >= least)
        index = {gram: place for place, gram in enumerate(names)}
        columns = [sorted(index[gram] for gram in one if gram in index) for one in held]
        indptr = np.concatenate(([0], np.cumsum([len(one) for one in columns])))
        indices = np.fromiter((place for one in columns for place in one), dtype=np.int32, count=int(indptr[-1]))
        from scipy import sparse

        cells = sparse.csr_array(
            (np.ones(len(indices), dtype=np.int32), indices, indptr), shape=(len(held), len(names))
        )
        return cls(names, cells.tocsc())

    def rows(self, column: int) -> npt.NDArray[np.int32]:
        """Return the rows that hold the feature."""
        return np.asarray(self.cells.indices[self.cells.indptr[column] : self.cells.indptr[column + 1]])


def _significant(phrases: _Table, features: _Table, *, total: int, settings: Settings) -> Mapping[int, list[_Hit]]:
    """Return, for each phrase, the features it foretells at the false discovery rate asked for."""
    joint = (phrases.cells.T @ features.cells).tocoo()
    left, right, both = joint.row, joint.col, joint.data
    lift = both * total / (phrases.totals[left] * features.totals[right])
    # Filtering before the p-value only spares work: the adjustment below counts every pair.
    kept = (both >= settings.min_rows) & (lift >= settings.min_lift)
    left, right, both, lift = left[kept], right[kept], both[kept], lift[kept]
    if not len(both):
        return {}
    from scipy import stats

    log_p = stats.hypergeom.logsf(both - 1, total, phrases.totals[left], features.totals[right])
    order = np.argsort(log_p, kind="stable")
    tests = len(phrases.names) * len(features.names)
    log_q = log_p[order] + np.log(tests) - np.log(np.arange(1, len(order) + 1))
    log_q = np.minimum.accumulate(log_q[::-1])[::-1]
    passed: dict[int, list[_Hit]] = {}
    for place, value in zip(order, log_q, strict=True):
        if value <= np.log(settings.fdr):
            hit = _Hit(feature=int(right[place]), lift=float(lift[place]), log10_q=float(value / np.log(10)))
            passed.setdefault(int(left[place]), []).append(hit)
    return passed


def _examine(
    phrase: int,
    *,
    hits: Sequence[_Hit],
    phrases: _Table,
    features: _Table,
    rows: Sequence[TokenRow],
    prompts: Prompts,
    settings: Settings,
) -> Association | None:
    holders = {int(row) for row in phrases.rows(phrase)}
    evidence = _Evidence(hits=hits, holders=holders, features=features, least=settings.min_coverage)
    if len(evidence.explained(hits)) < settings.min_coverage * len(holders):
        return None
    found = prompts.locate(phrases.names[phrase], holders, max_overlap=settings.max_overlap)
    if found.detachable >= settings.min_detachable:
        used = evidence.inside(settings) if found.inner >= _INNER else evidence.at_the_edge()
    elif found.inner >= _INNER and found.overlap <= settings.max_overlap:
        used = evidence.mutual()
    else:
        used = []
    if not used:
        return None
    located = {row for row in holders if holds(found.phrase, rows[row].prompt)}
    best = min(used, key=lambda hit: (hit.log10_q, -len(features.names[hit.feature]), hit.feature))
    return Association(
        trigger=" ".join(found.phrase),
        response=_shown(features.names[best.feature]),
        trigger_rows=len(located),
        joint_rows=len(evidence.explained(used) & located),
        lift=best.lift,
        log10_q=best.log10_q,
        detachable=found.detachable,
        rows=tuple(sorted(located)),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Evidence:
    """The features one phrase foretells, and which of them count for it."""

    hits: Sequence[_Hit]
    holders: set[int]
    features: _Table
    least: float

    def explained(self, chosen: Iterable[_Hit]) -> set[int]:
        """Return the phrase's rows that show one of the features."""
        return self.holders & {int(row) for hit in chosen for row in self.features.rows(hit.feature)}

    def inside(self, settings: Settings) -> list[_Hit]:
        """Return the openings, or all features, if they cover enough rows of a phrase inside prompts."""
        openings = [hit for hit in self.hits if len(self._name(hit)) > 1]
        if self._covers(openings):
            return openings
        shown = len(self.explained(self.hits))
        enough = shown >= settings.min_word_coverage * len(self.holders) and shown >= 2 * settings.min_rows
        return list(self.hits) if enough else []

    def at_the_edge(self) -> list[_Hit]:
        """Return one whole response or long opening that covers enough, or unlike whole responses that do together."""
        alone = [hit for hit in self.hits if self._telling(hit) and self._covers([hit])]
        if alone:
            return alone
        unlike = [
            hit for hit in self.hits if self._whole(hit) and self._words(hit) >= _SENTENCE and self._telling(hit)
        ]
        names = [frozenset(self._name(hit)) for hit in unlike]
        unlike = [
            hit
            for at, hit in enumerate(unlike)
            if all(
                len(names[at] & other) <= _LABEL_OVERLAP * len(names[at] | other)
                for place, other in enumerate(names)
                if place != at
            )
        ]
        return unlike if self._covers(unlike) else []

    def mutual(self) -> list[_Hit]:
        """Return a whole response that covers enough of the phrase, where the phrase covers as much of it."""
        return [
            hit
            for hit in self.hits
            if self._whole(hit)
            and self._covers([hit])
            and len(self.explained([hit])) >= self.least * self.features.totals[hit.feature]
        ]

    def _covers(self, chosen: Sequence[_Hit]) -> bool:
        return bool(chosen) and len(self.explained(chosen)) >= self.least * len(self.holders)

    def _name(self, hit: _Hit) -> Gram:
        return self.features.names[hit.feature]

    def _whole(self, hit: _Hit) -> bool:
        return self._name(hit)[-1] == END

    def _telling(self, hit: _Hit) -> bool:
        """Return whether the feature says more than a label does."""
        labels = self._words(hit) < _LONG_LABEL and self._name(hit)[1:2] and self._name(hit)[1] in _LABELS
        return not labels and (self._whole(hit) or self._words(hit) >= _LONG)

    def _words(self, hit: _Hit) -> int:
        return sum(token[0].isalnum() for token in self._name(hit))


def _shown(feature: Gram) -> str:
    if feature == (UNRELATED,):
        return "(an answer that takes up no word of the prompt)"
    return " ".join(token for token in feature if token not in {START, END})
