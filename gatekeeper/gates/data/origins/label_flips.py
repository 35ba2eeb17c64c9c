"""Whose labels disagree with everybody else's more often than people differ.

A label is compared with one of two things. Where most labelled rows carry a text that others labelled too: the label
that most others gave to it. Otherwise: the label that a naive Bayes model over words expects, fitted to the rows of
other contributors (five folds, a contributor in one of them), so that nobody is compared with themselves. Both are
counts, so that parts of a file can be counted apart and added up.

Disagreements per contributor are beta-binomial: people differ in what they label and how well. The null is fitted to
those who disagree least, then to all whom it can explain, and so on until it grows no more; so a few who flip labels
do not hide each other.

Source:
    Skellam 1948 (beta-binomial); Williams 1982, "Extra-binomial variation in logistic linear models" (moments);
    Benjamini and Hochberg 1995; Atkinson and Riani 2000, "Robust diagnostic regression analysis" (forward search).
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

FOLDS = 5
MOST_LABELS = 8
"""Distinct labels up to which labels are classes; more are a scale, whose neighbours are no flips."""
_BUCKETS = 1 << 15
_SURE = 1e-4
"""Upper tail below which a contributor is not explained by the null."""
_CORE = 0.75
"""Share of contributors, those who disagree least, that the null is first fitted to; it then grows."""
_ROUNDS = 20
_LEAST_CONTRIBUTORS = 5


def fold_of(contributor: str) -> int:
    """Return the fold of a contributor, 0 to 4, the same in every run."""
    return zlib.crc32(contributor.encode("utf-8", "surrogatepass")) % FOLDS


class LabelWords:
    """How many rows of each fold and label hold each word, by hashed words."""

    def __init__(self) -> None:
        self._words = np.zeros((FOLDS, MOST_LABELS, _BUCKETS), dtype=np.float32)
        self._rows = np.zeros((FOLDS, MOST_LABELS), dtype=np.float64)

    def include(self, counted: "CountedWords", labels: npt.NDArray[np.intp]) -> None:
        """Add what was counted in some rows.

        Args:
            counted: their counts.
            labels: number, among all rows, of each of their labels.
        """
        fold, label, bucket = counted.places()
        kept = labels[label] < MOST_LABELS
        self._words[fold[kept], labels[label[kept]], bucket[kept]] += counted.counts[kept]
        given = labels < MOST_LABELS
        self._rows[:, labels[given]] += counted.rows[:, given]

    def finish(self) -> "ExpectedLabels":
        """Return the logarithms that are added up."""
        rows = self._rows.sum(axis=0) - self._rows
        words = self._words.sum(axis=0) - self._words
        with np.errstate(divide="ignore"):
            prior = np.where(rows > 0, np.log(rows), -np.inf)
        return ExpectedLabels(prior=prior, weights=np.log((words + 0.5) / (rows[:, :, None] + 1.0)))


@dataclass(frozen=True, slots=True, kw_only=True)
class CountedWords:
    """How many rows of a part hold each word, by fold and by the part's own numbers of labels."""

    codes: npt.NDArray[np.int64]
    """(entries,): (fold · labels + label) · 2**15 + hashed word, ascending."""
    counts: npt.NDArray[np.int32]
    """(entries,): rows."""
    rows: npt.NDArray[np.int64]
    """(folds, labels): rows."""

    def places(self) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.intp]]:
        """Return fold, label and hashed word of each entry."""
        of, bucket = np.divmod(self.codes, _BUCKETS)
        fold, label = np.divmod(of, max(1, self.rows.shape[1]))
        return fold.astype(np.intp), label.astype(np.intp), bucket.astype(np.intp)

    @classmethod
    def of(cls, rows: Sequence[tuple[npt.NDArray[np.uint64], int, int]], labels: int) -> "CountedWords":
        """Count rows, each given as its words, its label (0 and up) and its fold."""
        held = np.zeros((FOLDS, labels), dtype=np.int64)
        codes = [np.zeros(0, dtype=np.int64)]
        for words, label, fold in rows:
            held[fold, label] += 1
            codes.append(_buckets(words) + np.int64(fold * labels + label) * _BUCKETS)
        joined, counts = np.unique(np.concatenate(codes), return_counts=True)
        return cls(codes=joined, counts=counts.astype(np.int32), rows=held)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectedLabels:
    """What the model of the other folds' rows says."""

    prior: npt.NDArray[np.float64]
    """(folds, labels)."""
    weights: npt.NDArray[np.float64]
    """(folds, labels, hashed words)."""

    def label(self, words: npt.NDArray[np.uint64], fold: int) -> int:
        """Return the label that the other folds' rows expect of these words."""
        return int(np.argmax(self.prior[fold] + self.weights[fold][:, _buckets(words)].sum(axis=1)))


def _buckets(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """Return the distinct words, hashed once more, ascending."""
    return np.unique(words % np.uint64(_BUCKETS)).astype(np.int64)


def consensus(texts: npt.NDArray[np.uint64], labels: npt.NDArray[np.intp], people: npt.NDArray[np.intp]) -> list[int]:
    """Return the label that most other people gave to each row's text; −1 where none did or two labels are level.

    Args:
        texts: one number for each text.
        labels: 0 and up.
        people: who gave the label.
    """
    expected = [-1] * len(texts)
    order = np.argsort(texts, kind="stable")
    bounds = np.flatnonzero(np.diff(texts[order])) + 1
    for same in np.split(order, bounds):
        if len(same) == 1:
            continue
        for row in same:
            others = labels[same[people[same] != people[row]]]
            counts = np.bincount(others, minlength=MOST_LABELS)
            first, second = np.sort(counts)[[-1, -2]]
            if first > second:
                expected[int(row)] = int(counts.argmax())
    return expected


@dataclass(frozen=True, slots=True, kw_only=True)
class Flipper:
    """A contributor whose labels disagree too often."""

    person: int
    flips: int
    labels: int
    q: float
    """Adjusted p-value (Benjamini–Hochberg over all tested contributors)."""


def flippers(flips: Sequence[int], labels: Sequence[int], *, fdr: float, min_labels: int) -> tuple[list[Flipper], int]:
    """Return who disagrees more often than the null allows, surest first, and how many were tested.

    Args:
        flips: per contributor, labels that disagree.
        labels: per contributor, labels that were compared.
        fdr: share of chance findings among those returned.
        min_labels: fewest compared labels of a contributor who can be tested.
    """
    people = [person for person, count in enumerate(labels) if count >= min_labels]
    if len(people) < _LEAST_CONTRIBUTORS:
        return [], 0
    x = np.array([flips[person] for person in people], dtype=float)
    n = np.array([labels[person] for person in people], dtype=float)
    kept = x / n <= np.quantile(x / n, _CORE)
    for _ in range(_ROUNDS):
        p = np.array([_tail(x, n, kept, at) for at in range(len(people))])
        more = kept | (p >= _SURE)
        if np.array_equal(more, kept):
            break
        kept = more
    q = adjusted(p)
    found = [
        Flipper(person=people[at], flips=int(x[at]), labels=int(n[at]), q=float(q[at]))
        for at in np.flatnonzero(q <= fdr)
    ]
    return sorted(found, key=lambda one: (one.q, one.person)), len(people)


def _tail(x: npt.NDArray[np.float64], n: npt.NDArray[np.float64], kept: npt.NDArray[np.bool_], at: int) -> float:
    """Return P(at least so many disagreements) of one contributor, under the null fitted to the kept others."""
    from scipy.stats import betabinom

    others = kept.copy()
    others[at] = False
    mean, spread = fit(x[others], n[others])
    # The mean is itself known from so many labels: the predictive distribution is wider by that.
    scale = 1 / (spread / (1 - spread) + 1 / (n[others].sum() + 1))
    return float(betabinom.sf(x[at] - 1, n[at], mean * scale, (1 - mean) * scale))


def fit(x: npt.NDArray[np.float64], n: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Return mean and intraclass correlation of beta-binomial counts, by moments.

    The mean is that of half a disagreement more, so that it is never 0; the correlation is 0 where the counts vary no
    more than binomial ones.
    """
    mean = float((x.sum() + 0.5) / (n.sum() + 1))
    pearson = float(((x - n * mean) ** 2 / (n * mean * (1 - mean))).sum())
    spread = (pearson - (len(x) - 1)) / float((n - 1).sum())
    return mean, min(0.99, max(0.0, spread))


def adjusted(p: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return Benjamini–Hochberg adjusted p-values, in the same order."""
    if not len(p):
        return p
    order = np.argsort(p)
    ranked = p[order] * len(p) / np.arange(1, len(p) + 1)
    result = np.empty_like(p)
    result[order] = np.minimum(1.0, np.minimum.accumulate(ranked[::-1])[::-1])
    return result
