"""How well found spans agree with labelled ones: by character and exactly, by type and over all."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

Marked = tuple[int, int, str]
"""Start, end, type."""
FAMILIES = {
    "LOCATION": "place",
    "STREET_ADDRESS": "place",
    "ZIP_CODE": "place",
    "GPE": "place",
    "URL": "URL",
    "DOMAIN_NAME": "URL",
}
"""Types that scorers count as one: an address holds its town and its code."""


@dataclass(slots=True)
class Agreement:
    """Counts of one type; they add up over rows and seeds."""

    found: int = 0
    """Characters found."""
    true: int = 0
    """Characters labelled."""
    both: int = 0
    """Characters found and labelled."""
    spans_found: int = 0
    spans_true: int = 0
    spans_same: int = 0
    """Spans with the same start, end and type."""

    @property
    def f1(self) -> float:
        """Of characters, 0 to 1; 0 where nothing is labelled or found."""
        return 2 * self.both / (self.found + self.true) if self.found + self.true else 0.0

    @property
    def exact_f1(self) -> float:
        """Of whole spans."""
        total = self.spans_found + self.spans_true
        return 2 * self.spans_same / total if total else 0.0

    @property
    def precision(self) -> float:
        """Of characters."""
        return self.both / self.found if self.found else 0.0

    @property
    def recall(self) -> float:
        """Of characters."""
        return self.both / self.true if self.true else 0.0


@dataclass(slots=True)
class Scores:
    """Agreement by type, and of all characters whatever their type."""

    any_type: Agreement = field(default_factory=Agreement)
    types: dict[str, Agreement] = field(default_factory=dict)

    def add(self, text: str, true: Sequence[Marked], found: Sequence[Marked]) -> None:
        """Count one row; spaces and punctuation carry nothing and are not counted."""
        letters = [letter.isalnum() for letter in text]
        truth, guess = _types_by_letter(true, letters), _types_by_letter(found, letters)
        _count(self.any_type, set(truth), set(guess))
        for type_ in set(truth.values()) | set(guess.values()):
            one = self.types.setdefault(type_, Agreement())
            _count(one, {at for at, kind in truth.items() if kind == type_}, _at(guess, type_))
        left, right = (Counter((start, end, _family(kind)) for start, end, kind in side) for side in (true, found))
        for span in set(left) | set(right):
            for one in (self.any_type, self.types.setdefault(span[2], Agreement())):
                one.spans_true += left[span]
                one.spans_found += right[span]
                one.spans_same += min(left[span], right[span])

    @property
    def typed(self) -> Agreement:
        """All types together, where a character counts only under its own type."""
        total = Agreement()
        for one in self.types.values():
            total.found += one.found
            total.true += one.true
            total.both += one.both
            total.spans_found += one.spans_found
            total.spans_true += one.spans_true
            total.spans_same += one.spans_same
        return total


def _family(type_: str) -> str:
    return FAMILIES.get(type_, type_)


def _at(letters: dict[int, str], type_: str) -> set[int]:
    return {at for at, kind in letters.items() if kind == type_}


def _types_by_letter(spans: Iterable[Marked], letters: Sequence[bool]) -> dict[int, str]:
    return {at: _family(kind) for start, end, kind in spans for at in range(start, end) if letters[at]}


def _count(one: Agreement, true: set[int], found: set[int]) -> None:
    one.true += len(true)
    one.found += len(found)
    one.both += len(true & found)
