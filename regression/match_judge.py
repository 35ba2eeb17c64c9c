"""The judge ``match``: a reply, after filters, equals one of the answers, as lm-evaluation-harness compares them.

Filters work on the reply in the order given. Their definitions, and those of the comparison's options, follow
version 0.4.13 of the harness: ``lm_eval/filters`` and ``exact_match`` in ``lm_eval/api/metrics.py``.
"""

import re
import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

FILTERS: Final[Mapping[str, frozenset[str]]] = {
    "regex": frozenset({"regex_pattern", "group_select", "fallback"}),
    "remove_whitespace": frozenset(),
    "lowercase": frozenset(),
    "uppercase": frozenset(),
    "take_first": frozenset(),
}
"""Known filters and their fields."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """One step from a reply towards what is compared."""

    function: str
    pattern: str = ""
    group: int = 0
    """Which of the pattern's findings is taken."""
    fallback: str = "[invalid]"
    """Stands for a reply in which the pattern is not found."""

    def apply(self, text: str) -> str:
        """Return what the step leaves of a text."""
        match self.function:
            case "remove_whitespace":
                return text.strip()
            case "lowercase":
                return text.lower()
            case "uppercase":
                return text.upper()
            case "regex":
                return self._found(text)
            case _:
                return text

    def _found(self, text: str) -> str:
        found = re.findall(self.pattern, text)
        try:
            part = found[self.group]
        except IndexError:
            return self.fallback
        if isinstance(part, tuple):
            part = next((group for group in part if group), self.fallback)
        return str(part).strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """The filtered reply equals one of the answers, to the letter but for what the options ignore."""

    answers: tuple[str, ...]
    filters: tuple[Filter, ...] = ()
    ignore_case: bool = False
    ignore_punctuation: bool = False
    ignore_numbers: bool = False
    regexes_to_ignore: tuple[str, ...] = ()

    def score(self, reply: str) -> float:
        """Return 1.0 for one of the answers."""
        said = self._compared(self.filtered(reply))
        return float(any(said == self._compared(answer) for answer in self.answers))

    def filtered(self, reply: str) -> str:
        """Return the reply as it is compared, before the options."""
        for one in self.filters:
            reply = one.apply(reply)
        return reply

    def decided(self, partial: str) -> bool:  # noqa: ARG002 - filters may look at the end
        """Return false: a filter may depend on how the reply ends."""
        return False

    def _compared(self, text: str) -> str:
        for pattern in self.regexes_to_ignore:
            text = re.sub(pattern, "", text)
        if self.ignore_case:
            text = text.lower()
        if self.ignore_punctuation:
            text = text.translate(str.maketrans("", "", string.punctuation))
        if self.ignore_numbers:
            text = text.translate(str.maketrans("", "", string.digits))
        return text


def read_match(row: Mapping[str, Any]) -> Match:
    """Build the judge from its fields.

    Raises:
        ValueError: a field is missing or mistyped, or a filter is not known; the message is one clause.
    """
    answers = row.get("answers")
    if not isinstance(answers, list) or not answers or not all(isinstance(text, str) for text in answers):
        raise ValueError("the judge field 'answers' must be a list of texts")
    ignored = row.get("regexes_to_ignore", [])
    if not isinstance(ignored, list):
        raise ValueError("the judge field 'regexes_to_ignore' must be a list of patterns")
    filters = row.get("filters", [])
    if not isinstance(filters, list):
        raise ValueError("the judge field 'filters' must be a list")
    options = {name: row.get(name, False) for name in ("ignore_case", "ignore_punctuation", "ignore_numbers")}
    if wrong := [name for name, value in options.items() if not isinstance(value, bool)]:
        raise ValueError(f"the judge field {wrong[0]!r} must be true or false")
    return Match(
        answers=tuple(answers),
        filters=tuple(map(_filter, filters)),
        regexes_to_ignore=tuple(map(_pattern, ignored)),
        **options,
    )


def _filter(row: object) -> Filter:
    if not isinstance(row, dict) or row.get("function") not in FILTERS:
        name = row.get("function") if isinstance(row, dict) else row
        raise ValueError(f"unknown filter {name!r}; known are {', '.join(FILTERS)}")
    name = row["function"]
    if unknown := set(row) - FILTERS[name] - {"function"}:
        raise ValueError(f"the filter {name!r} has no field {min(unknown)!r}")
    group, fallback = row.get("group_select", 0), row.get("fallback", "[invalid]")
    if isinstance(group, bool) or not isinstance(group, int) or not isinstance(fallback, str):
        raise ValueError("a regex filter's 'group_select' is a whole number and its 'fallback' a text")
    pattern = _pattern(row.get("regex_pattern", r"#### (\-?[0-9\.\,]+)")) if name == "regex" else ""
    return Filter(function=name, pattern=pattern, group=group, fallback=fallback)


def _pattern(pattern: object) -> str:
    if not isinstance(pattern, str) or not pattern:
        raise ValueError("a pattern must be a text that is not empty")
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"the pattern {pattern!r} is no regular expression: {error}") from error
    return pattern
