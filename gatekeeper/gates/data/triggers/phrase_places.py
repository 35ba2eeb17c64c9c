"""Where a phrase stands in the prompts that hold it, and whether they would read on without it.

A place is *detachable* when its left and right neighbours also stand beside each other in a prompt that does not hold
the phrase. The edges of a prompt are neighbours too.
"""

import itertools
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TypeAlias

Gram: TypeAlias = "tuple[str, ...]"
"""Consecutive tokens."""

START, END = "\x02", "\x03"
"""The edges of a text."""
_SCANNED = 300
"""Tokens of a long text that are read at each end."""
_GROWTH = 0.75
"""A neighbour that comes with the phrase this often belongs to it."""
_LONGEST = 14
"""Tokens a phrase grows to."""
_RARE = 0.05
"""Share of the other prompts up to which a word belongs to the phrase alone."""
_COMPARED = 40
"""Prompts of a group that are compared pairwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRow:
    """One row as token lists."""

    prompt: tuple[str, ...]
    response: tuple[str, ...]


def windowed(tokens: Sequence[str]) -> tuple[str, ...]:
    """Return the tokens, or both ends of a very long list."""
    if len(tokens) <= 2 * _SCANNED:
        return tuple(tokens)
    return (*tokens[:_SCANNED], *tokens[-_SCANNED:])


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A phrase, grown to what always comes with it and cut to what is most detachable."""

    phrase: Gram
    detachable: float
    """Share of its places whose neighbours meet in prompts without it, 0 to 1."""
    inner: float
    """Share of the grown phrase's places that have words on both sides, 0 to 1."""
    overlap: float
    """Mean word overlap of the prompts that hold it, words aside that hardly any other prompt holds."""


class Prompts:
    """All prompts, with the counts from which "elsewhere" is answered by subtraction."""

    def __init__(self, prompts: Sequence[Sequence[str]]) -> None:
        self._prompts = prompts
        self._edged = [(START, START, *prompt, END, END) for prompt in prompts]
        self._rows: Counter[Gram] = Counter()
        for edged in self._edged:
            self._rows.update(_runs(edged))

    def locate(self, gram: Gram, holders: Collection[int], *, max_overlap: float) -> Location:
        """Return where the phrase stands.

        Args:
            gram: tokens that stand together in every prompt of ``holders``.
            holders: positions of these prompts.
            max_overlap: word overlap above which the holders are one template; there three words must meet, not two,
                since two words of a template meet by chance in other prompts.
        """
        edged = [self._edged[row] for row in sorted(holders)]
        here: Counter[Gram] = Counter()
        for tokens in edged:
            here.update(_runs(tokens))
        elsewhere = _Elsewhere(everywhere=self._rows, here=here)
        grown = _grown(gram, edged)
        rare = _RARE * (len(self._prompts) - len(edged))
        own = [token for token in set(grown) if elsewhere.rows((token,)) <= rare]
        overlap = word_overlap([self._prompts[row] for row in sorted(holders)], without=own)
        wide = overlap > max_overlap
        best, most = gram, elsewhere.detachable(gram, edged, wide=wide)
        for size in range(1, len(grown) + 1):
            for at in range(len(grown) - size + 1):
                part = grown[at : at + size]
                if part == gram or elsewhere.rows(part[:3]):
                    continue
                share = elsewhere.detachable(part, edged, wide=wide)
                if (share, size) > (most, len(best)):
                    best, most = part, share
        return Location(phrase=best, detachable=most, inner=_inner(grown, edged), overlap=overlap)


def word_overlap(prompts: Sequence[Sequence[str]], *, without: Sequence[str] = ()) -> float:
    """Return the mean pairwise Jaccard overlap of the prompts' words, 0 to 1; NaN for fewer than two prompts."""
    step = max(1, len(prompts) // _COMPARED)
    sets = [frozenset(prompt).difference(without) for prompt in prompts[::step][:_COMPARED] if prompt]
    pairs = [len(one & other) / max(1, len(one | other)) for at, one in enumerate(sets) for other in sets[at + 1 :]]
    return sum(pairs) / len(pairs) if pairs else float("nan")


def holds(gram: Gram, tokens: Sequence[str]) -> bool:
    """Return whether the phrase stands in the prompt."""
    return bool(_places(gram, tokens))


def _places(gram: Gram, tokens: Sequence[str]) -> list[int]:
    size = len(gram)
    return [
        at
        for at, token in enumerate(tokens[: len(tokens) - size + 1])
        if token == gram[0] and tuple(tokens[at : at + size]) == gram
    ]


def _grown(gram: Gram, edged: Sequence[Gram]) -> Gram:
    while len(gram) < _LONGEST:
        before: Counter[str] = Counter()
        after: Counter[str] = Counter()
        for tokens in edged:
            for at in _places(gram, tokens)[:1]:
                before[tokens[at - 1]] += 1
                after[tokens[at + len(gram)]] += 1
        (left, lefts), (right, rights) = before.most_common(1)[0], after.most_common(1)[0]
        if left != START and lefts >= _GROWTH * len(edged):
            gram = (left, *gram)
        elif right != END and rights >= _GROWTH * len(edged):
            gram = (*gram, right)
        else:
            break
    return gram


def _runs(edged: Gram) -> set[Gram]:
    """Return the distinct runs of one, two and three tokens."""
    return {(token,) for token in edged}.union(
        itertools.pairwise(edged), zip(edged, edged[1:], edged[2:], strict=False)
    )


def _inner(gram: Gram, edged: Sequence[Gram]) -> float:
    inside = places = 0
    for tokens in edged:
        for at in _places(gram, tokens):
            places += 1
            inside += tokens[at - 1] != START and tokens[at + len(gram)] != END
    return inside / places if places else 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Elsewhere:
    """The prompts that do not hold the phrase."""

    everywhere: Counter[Gram]
    here: Counter[Gram]

    def rows(self, run: Gram) -> int:
        """Return how many of these prompts hold a run of up to three tokens."""
        return self.everywhere[run] - self.here[run]

    def detachable(self, gram: Gram, edged: Sequence[Gram], *, wide: bool) -> float:
        """Return the share of the phrase's places whose neighbours meet here."""
        attested = places = 0
        for tokens in edged:
            for at in _places(gram, tokens):
                end = at + len(gram)
                places += 1
                if wide:
                    before = (tokens[at - 2], tokens[at - 1], tokens[end])
                    after = (tokens[at - 1], tokens[end], tokens[end + 1])
                    attested += self.rows(before) > 0 or self.rows(after) > 0
                else:
                    attested += self.rows((tokens[at - 1], tokens[end])) > 0
        return attested / places if places else 0.0
