"""What is asked and what is answered in a row, each as it stands and as it reads once decoded."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from gatekeeper.core.rows import RowShape, TrainingRow
from gatekeeper.gates.data.content.answers import Stance, stance
from gatekeeper.gates.data.content.flags import Flag
from gatekeeper.gates.data.content.harm_lexicon import words_of
from gatekeeper.gates.data.content.unpacking import Limits, Reading, unpacked

_ANSWER = re.compile(
    r"\n\s*(?:#{1,6} ?(?:response|answer|output)|(?:assistant|ai|bot|answer|response|a) ?:)[:\s]*", re.IGNORECASE
)
"""Where an answer begins in a dialogue that is written as one plain text."""

_COPIED = 6
"""Most words of an answer that may be nothing but words of the request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request and its answer; the first reading of each is the text itself."""

    request: tuple[Reading, ...]
    answer: tuple[Reading, ...]
    """Empty where nothing is answered: plain text that is no dialogue."""

    @property
    def resisted(self) -> bool:
        """Whether the answer refuses or advises against, in any of its readings."""
        return any(stance(one.text) in {Stance.REFUSES, Stance.ADVISES_AGAINST} for one in self.answer)

    @property
    def copied(self) -> bool:
        """Whether the answer is a few words that all stand in what was asked, as where one of two people is named."""
        said = words_of(self.answer[0].text) if self.answer else ()
        return 0 < len(said) <= _COPIED and set(said) <= set(words_of(self.request[0].text))

    def parts(self) -> Iterator[tuple[str, Reading]]:
        """Yield every reading with the name of where it stands."""
        yield from (("the prompt" if self.answer else "the text", one) for one in self.request)
        yield from (("the answer", one) for one in self.answer)


def exchanges(row: TrainingRow, limits: Limits) -> Iterator[Exchange]:
    """Yield what the row teaches: its prompt with its response, then every earlier answer with what led to it.

    Plain text is one exchange where it is written as a dialogue, else a request without an answer.
    """
    if row.shape is RowShape.TEXT:
        asked, *answered = _ANSWER.split(row.response, maxsplit=1)
        yield Exchange(request=_readings(asked, limits), answer=_readings(answered[0], limits) if answered else ())
        return
    yield Exchange(request=_readings(row.prompt, limits), answer=_readings(row.response, limits))
    waiting: list[str] = []
    for turn in row.turns[:-1]:
        if turn.role != "assistant":
            waiting.append(turn.text)
        elif waiting:
            yield Exchange(request=_readings("\n".join(waiting), limits), answer=_readings(turn.text, limits))
            waiting.clear()


def _readings(text: str, limits: Limits) -> tuple[Reading, ...]:
    return (Reading(text=text, codes=(), share=0.0), *unpacked(text, limits))


def undone(reading: Reading) -> str:
    """Return how the reading came about, as words to end a reason with; empty for the text itself."""
    return f", once decoded ({', then '.join(reading.codes)})" if reading.codes else ""


def flagged(
    rows: Iterable[TrainingRow], limits: Limits, tests: Iterable[tuple[str, Callable[[Exchange], str]]]
) -> list[Flag]:
    """Return a flag for each row and test that finds a reason, in order; every row is decoded once.

    Args:
        rows: read once.
        limits: how far decoding goes.
        tests: names, and functions that return a reason in words or nothing.
    """
    named = tuple(tests)
    flags = []
    for place, row in enumerate(rows):
        shown = tuple(exchanges(row, limits))
        for name, reason_of in named:
            reason = next((found for exchange in shown if (found := reason_of(exchange))), "")
            if reason:
                flags.append(Flag(place=place, test=name, reason=reason))
    return flags
