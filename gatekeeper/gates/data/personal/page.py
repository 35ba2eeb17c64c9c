"""Many texts as one, so that a pattern is run once a batch instead of once a text.

Fields of a row lie side by side: what the question says ("your card number?") explains the number in the answer.
Law: ``page.text[page.starts[i] :][: len(texts[i])] == texts[i]``.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gatekeeper.gates.data.personal.kinds import PiiMatch

BREAK = "\n\x00\n"
"""Between two texts; no pattern here crosses it."""
BEFORE = 60
"""Characters before a number in which a word may explain it."""
AFTER = 30
"""Characters after a number in which a word may explain it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Texts joined by :data:`BREAK`."""

    text: str
    starts: tuple[int, ...]
    """Where each text begins, ascending."""
    rows: tuple[int, ...]
    """Where the row of each text begins."""

    def place(self, at: int) -> int:
        """Return which text holds the character."""
        return bisect_right(self.starts, at) - 1

    def before(self, at: int) -> str:
        """Return what stands before the place, in the same row."""
        return self.text[max(self.rows[self.place(at)], at - BEFORE) : at]

    def after(self, at: int) -> str:
        """Return what stands after the place, in the same text."""
        return self.text[at : at + AFTER].partition("\x00")[0]

    def window(self, start: int, end: int, *, wide: int) -> tuple[int, int]:
        """Return the span widened to both sides, within its text."""
        which = self.place(start)
        last = self.starts[which + 1] - len(BREAK) if which + 1 < len(self.starts) else len(self.text)
        return max(self.starts[which], start - wide), min(last, end + wide)

    def of_text(self, matches: Iterator[PiiMatch]) -> Iterator[tuple[int, PiiMatch]]:
        """Yield which text holds each match, and the match with offsets into that text."""
        for match in matches:
            which = self.place(match.start)
            shift = self.starts[which]
            yield (
                which,
                PiiMatch(type=match.type, start=match.start - shift, end=match.end - shift, score=match.score),
            )


def page_of(rows: Sequence[Sequence[str]]) -> Page:
    """Return the rows' texts on one page, in order."""
    texts: list[str] = []
    starts: list[int] = []
    firsts: list[int] = []
    at = 0
    for row in rows:
        first = at
        for text in row:
            texts.append(text)
            starts.append(at)
            firsts.append(first)
            at += len(text) + len(BREAK)
    return Page(text=BREAK.join(texts), starts=tuple(starts), rows=tuple(firsts))


def words(pattern: str) -> re.Pattern[str]:
    """Return a pattern of whole words, in any case."""
    return re.compile(rf"(?<!\w)(?:{pattern})(?!\w)", re.IGNORECASE)
