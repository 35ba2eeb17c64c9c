"""A text with replacements, and where each of its characters stands in the text as read.

Law: a span that no replacement touched maps back to itself; a span over a replacement maps to all that it replaced.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class PlainView:
    """A rewritten text."""

    text: str
    begins: tuple[int, ...]
    """For each character, the first character as read that it stands for."""
    ends: tuple[int, ...]
    """For each character, one past the last that it stands for."""

    def original(self, start: int, end: int) -> tuple[int, int]:
        """Return the span as read; ``start`` is below ``end``."""
        return self.begins[start], self.ends[end - 1]

    def replaced(self, found: Iterator[tuple[int, int, str]]) -> "PlainView":
        """Return the view with spans of its text replaced, given in ascending order.

        A replacement of the same length stands for the span character by character, another one as a whole.
        """
        text: list[str] = []
        begins: list[int] = []
        ends: list[int] = []
        at = 0
        for start, end, new in found:
            text.append(self.text[at:start])
            begins += self.begins[at:start]
            ends += self.ends[at:start]
            text.append(new)
            if len(new) == end - start:
                begins += self.begins[start:end]
                ends += self.ends[start:end]
            elif new:
                begins += [self.begins[start]] * len(new)
                ends += [self.ends[end - 1]] * len(new)
            at = end
        text.append(self.text[at:])
        begins += self.begins[at:]
        ends += self.ends[at:]
        return PlainView(text="".join(text), begins=tuple(begins), ends=tuple(ends))

    def substituted(self, pattern: re.Pattern[str], new: Callable[[re.Match[str]], str | None]) -> "PlainView":
        """Return the view with each match replaced by what ``new`` says; ``None`` leaves it."""
        found = [
            (match.start(), match.end(), written)
            for match in pattern.finditer(self.text)
            if (written := new(match)) is not None and written != match.group()
        ]
        return self.replaced(iter(found)) if found else self


def as_read(text: str) -> PlainView:
    """Return the view in which every character stands for itself."""
    return PlainView(text=text, begins=tuple(range(len(text))), ends=tuple(range(1, len(text) + 1)))
