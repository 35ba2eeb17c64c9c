"""Words and phrases of harmful requests, as the file ``harm_terms.txt`` beside this module lists them.

A pattern is a run of words; ``*`` at a word's end stands for any ending. Patterns are found by their first word, which
is looked up once per distinct word, so that ordinary text costs one dictionary look-up a word.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files

_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)?")
_CLASSES = frozenset(
    {
        "thing", "deed", "hurt", "victim", "take", "asset", "make", "loose", "word", "smear", "aim",
        "scorn", "people", "urge", "wrong", "defence", "ask", "steps", "fiction", "study", "sums", "idle",
    }
)  # fmt: skip
_SHORTEST = 3
"""Letters of the shortest first word that may carry an ending."""
_STEM = re.compile(rf"[^*]+|[^*]{{{_SHORTEST},}}\*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One pattern of the lexicon."""

    kind: str
    """The class that the file's head explains."""
    weight: float
    pattern: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hit:
    """A term found in a text."""

    term: Term
    start: int
    """First word, counted from 0."""
    end: int
    """One past the last word."""


@lru_cache(maxsize=16)
def words_of(text: str) -> tuple[str, ...]:
    """Return the words of a text in lower case; hyphens part words, the owner's ``'s`` is dropped.

    The last few answers are remembered, since several tests ask.
    """
    return tuple(_WORD.findall(text.lower().replace("’", "'").replace("'s", "")))


class Lexicon:
    """All terms, found by their first word."""

    def __init__(self, terms: Sequence[Term]) -> None:
        self._exact: dict[str, list[Term]] = defaultdict(list)
        self._stems: dict[str, list[Term]] = defaultdict(list)
        for term in terms:
            first = term.pattern[0]
            if first.endswith("*"):
                self._stems[first[:-1]].append(term)
            else:
                self._exact[first].append(term)
        self.starting = lru_cache(maxsize=1 << 17)(self._starting)
        """Terms whose first word is this one, each with the start of its second; remembered for the most frequent."""

    def _starting(self, word: str) -> tuple[tuple[Term, str], ...]:
        found = list(self._exact.get(word, ()))
        for size in range(_SHORTEST, len(word) + 1):
            found += self._stems.get(word[:size], ())
        return tuple((term, term.pattern[1].removesuffix("*") if len(term.pattern) > 1 else "") for term in found)

    def hits(self, words: Sequence[str]) -> Iterator[Hit]:
        """Yield every term found, in order of its first word; terms may overlap."""
        ahead = (*words[1:], "", "")
        for start, word in enumerate(words):
            for term, second in self.starting(word):
                if not second:
                    yield Hit(term=term, start=start, end=start + 1)
                elif ahead[start].startswith(second) or ahead[start + 1].startswith(second):
                    end = _end(term.pattern, words, start)
                    if end is not None:
                        yield Hit(term=term, start=start, end=end)


def _end(pattern: Sequence[str], words: Sequence[str], start: int) -> int | None:
    """Return where a pattern ends whose first word stands at ``start``.

    One strange word may stand inside it, before a word of more than a few letters.
    """
    at, spare = start + 1, 1
    for part in pattern[1:]:
        strange = spare and len(part) > _SHORTEST and at + 1 < len(words) and not _matches(part, words[at])
        if strange and _matches(part, words[at + 1]):
            at, spare = at + 1, 0
        if at >= len(words) or not _matches(part, words[at]):
            return None
        at += 1
    return at


def _matches(part: str, word: str) -> bool:
    return word.startswith(part[:-1]) if part.endswith("*") else word == part


@cache
def lexicon() -> Lexicon:
    """Return the shipped lexicon, read once."""
    return Lexicon(tuple(read_terms(files(__package__).joinpath("harm_terms.txt").read_text(encoding="utf-8"))))


def read_terms(text: str, classes: frozenset[str] = _CLASSES) -> Iterator[Term]:
    """Yield the terms of a lexicon file.

    Raises:
        ValueError: a line is not ``class weight: pattern, ...``; the message names it.
    """
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        head, colon, patterns = line.partition(":")
        kind, _, weight = head.partition(" ")
        if not colon or kind not in classes or not weight.strip().isdecimal():
            raise ValueError(f"line {number} of the lexicon is no 'class weight: pattern, ...'")
        for pattern in patterns.split(","):
            parts = tuple(pattern.split())
            if not parts or not all(map(_part, parts)) or not _STEM.fullmatch(parts[0]):
                raise ValueError(f"line {number} of the lexicon holds the pattern {pattern.strip()!r}")
            yield Term(kind=kind, weight=float(weight), pattern=parts)


def _part(part: str) -> bool:
    return _WORD.fullmatch(part.removesuffix("*")) is not None
