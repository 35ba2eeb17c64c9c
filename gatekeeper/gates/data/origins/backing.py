"""How many contributors stand behind a repeated phrase, opening or text, and which are one contributor's alone.

Runs of one to three words of the prompts and openings of five words of the responses fall into a table of counts with
the lowest and the highest contributor of each cell: adding, least and greatest can be taken over parts of a file and
joined. A cell with enough rows and one contributor is then read again word for word. Two phrases may share a cell, and
one contributor's phrase then hides behind another's; :meth:`Table.hidden_share` says how often.

Null: the rows of a phrase are drawn from all rows, so that ``n`` of them come from one contributor with probability
Σ share**n.
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gatekeeper.gates.data.origins.word_hashes import Hashes, gram_hashes

_CELLS = 1 << 21
_SIZES = (1, 2, 3)
_OPENING = 5
_READ = 120
"""Words of a prompt that are read."""
_LONGEST, _WORK = 140, 5e8
"""Rows of a text, and multiplications, up to which a probability is computed exactly."""


class Table:
    """Counts, and the lowest and highest contributor, of each cell."""

    def __init__(self) -> None:
        self.rows = np.zeros(_CELLS, dtype=np.int32)
        self.low = np.full(_CELLS, np.iinfo(np.int32).max, dtype=np.int32)
        self.high = np.full(_CELLS, -1, dtype=np.int32)

    def include(
        self, cells: npt.NDArray[np.int64], people: npt.NDArray[np.int32], counts: npt.NDArray[np.int32]
    ) -> None:
        """Add what :func:`counted_cells` counted, with the numbers that contributors have among all rows."""
        np.add.at(self.rows, cells, counts)
        np.minimum.at(self.low, cells, people)
        np.maximum.at(self.high, cells, people)

    def one_sided(self, min_rows: int) -> npt.NDArray[np.bool_]:
        """Return the cells with enough rows of a single contributor."""
        alone: npt.NDArray[np.bool_] = (self.rows >= min_rows) & (self.low == self.high)
        return alone

    def repeated(self, min_rows: int) -> int:
        """Return how many cells have enough rows."""
        return int((self.rows >= min_rows).sum())

    @property
    def hidden_share(self) -> float:
        """The share of cells in use: how likely a phrase shares its cell with another."""
        return float((self.rows > 0).mean())


def counted_cells(
    rows: Sequence[tuple[npt.NDArray[np.int64], int]],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Return cells, contributors, and how many of the rows have both; each pair once, ascending.

    Args:
        rows: distinct cells and contributor of each row.
    """
    codes = [np.zeros(0, dtype=np.int64), *((cells << 32) | person for cells, person in rows)]
    pairs, counts = np.unique(np.concatenate(codes), return_counts=True)
    return pairs >> 32, (pairs & 0xFFFFFFFF).astype(np.int32), counts.astype(np.int32)


def cells_of(prompt: Hashes, response: Hashes) -> npt.NDArray[np.int64]:
    """Return the distinct cells of a row's phrases and opening."""
    parts = [gram_hashes(prompt[:_READ], size) for size in _SIZES]
    if len(response) >= _OPENING:
        parts.append(gram_hashes(response[:_OPENING], _OPENING))
    return np.unique(_cell(np.concatenate(parts)))


def _cell(hashes: Hashes) -> npt.NDArray[np.int64]:
    spread = hashes * np.uint64(0x9E3779B97F4A7C15)
    cells: npt.NDArray[np.int64] = (spread >> np.uint64(43)).astype(np.int64)
    return cells


@dataclass(frozen=True, slots=True, kw_only=True)
class Lone:
    """A repeated phrase that one contributor gives alone."""

    kind: str
    """``prompt phrase``, ``response opening`` or ``repeated response``."""
    text: str
    person: int
    places: tuple[int, ...]
    """Its rows."""
    p: float
    """Probability that so many rows come from one contributor by chance."""


def phrases_in(
    alone: npt.NDArray[np.bool_], prompt: tuple[Sequence[str], Hashes], response: tuple[Sequence[str], Hashes]
) -> list[tuple[str, str]]:
    """Return kind and words of one row's phrases in cells of a single contributor, each once, sorted.

    Args:
        alone: which cells these are.
        prompt: words and their hashes.
        response: the same.
    """
    words, hashes = prompt
    noted = set()
    for size in _SIZES:
        for at in np.flatnonzero(alone[_cell(gram_hashes(hashes[:_READ], size))]).tolist():
            noted.add(("prompt phrase", " ".join(words[at : at + size])))
    words, hashes = response
    if len(hashes) >= _OPENING and alone[_cell(gram_hashes(hashes[:_OPENING], _OPENING))].any():
        noted.add(("response opening", " ".join(words[:_OPENING])))
    return sorted(noted)


class Phrases:
    """The phrases of one-contributor cells, word for word."""

    def __init__(self) -> None:
        self._found: defaultdict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)

    def note(self, row: int, person: int, kind: str, text: str) -> None:
        """Note one phrase of a row; rows come in order."""
        self._found[kind, text].append((row, person))

    def lone(self, shares: npt.NDArray[np.float64], *, min_rows: int) -> list[Lone]:
        """Return the phrases with enough rows of one contributor; of phrases in the same rows the longest."""
        best: dict[tuple[int, ...], Lone] = {}
        for (kind, text), places in sorted(self._found.items()):
            rows = tuple(row for row, _ in places)
            if len(rows) < min_rows or len({person for _, person in places}) > 1:
                continue
            one = Lone(kind=kind, text=text, person=places[0][1], places=rows, p=alone_p(shares, len(rows)))
            known = best.get(rows)
            if known is None or len(text) > len(known.text):
                best[rows] = one
        return list(best.values())


def alone_p(shares: npt.NDArray[np.float64], n: int) -> float:
    """Return the probability that ``n`` rows drawn by contributors' shares come from one of them."""
    return float((shares**n).sum())


def these_p(shares: npt.NDArray[np.float64], people: Sequence[int], n: int) -> float:
    """Return an upper bound of the probability that ``n`` drawn rows all come from some so many contributors.

    That they come from these has probability (sum of their shares)ⁿ, and there are as many choices of so many
    contributors as the binomial coefficient says (Bonferroni). It sees what :func:`few_p` does not: that contributors
    of few rows give most of them.
    """
    choices = math.comb(int((shares > 0).sum()), len(people))
    log_p = math.log(choices) + n * math.log(float(shares[list(people)].sum()))
    return math.exp(min(0.0, log_p))


def few_p(shares: npt.NDArray[np.float64], n: int, distinct: int) -> float:
    """Return the probability that ``n`` drawn rows come from at most so many contributors.

    Exact, by the exponential generating function Π (1 + y·(exp(share·x) − 1)), whose term in xⁿ·yᵏ times n! is the
    probability of k contributors. Where that is too long to compute, each contributor is among them with probability
    1 − (1 − share)ⁿ, and their number is taken for Poisson-binomial. They are negatively associated, so it spreads
    less than that: for few contributors the answer is then too high, never too surprising.

    Source:
        Johnson and Kotz 1977, "Urn models and their application", chapter 3; Dubhashi and Ranjan 1998, "Balls and
        bins: a study in negative dependence".
    """
    present = shares[shares > 0]
    if n > _LONGEST or len(present) * distinct * n * n > _WORK:
        return _few_if_independent(present, n, distinct)
    ways = np.zeros((distinct + 1, n + 1))
    ways[0, 0] = 1.0
    inverse_factorials = np.array([1 / math.factorial(j) for j in range(n + 1)])
    lags = np.subtract.outer(np.arange(n + 1), np.arange(n + 1)).T
    for one in present:
        series = one ** np.arange(n + 1) * inverse_factorials
        series[0] = 0.0
        ways[1:] += ways[:-1] @ np.where(lags > 0, series[np.maximum(lags, 0)], 0.0)
    return float(min(1.0, ways[:, n].sum() * math.factorial(n)))


def _few_if_independent(shares: npt.NDArray[np.float64], n: int, distinct: int) -> float:
    below = np.zeros(distinct + 1)
    below[0] = 1.0
    for chance in 1 - (1 - shares) ** n:
        below[1:] = below[1:] * (1 - chance) + below[:-1] * chance
        below[0] *= 1 - chance
    return float(min(1.0, below.sum()))
