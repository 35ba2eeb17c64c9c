"""Which sentences a language model has to read: those with a word that could be a name.

A sentence without a capitalised word holds none, nor does one whose only capitalised words are everyday words, or are
written in lower case elsewhere in the batch ("Aim for …" beside "your aim is"). Text that has no upper case at all is
read where something in it speaks of a person.
"""

import re
from collections.abc import Iterator

from gatekeeper.gates.data.personal.address_parts import CAPITAL
from gatekeeper.gates.data.personal.name_words import NOT_NAMES

_SENTENCE = re.compile(
    r"[^\n.!?]*(?:[.!?](?![\s\n])[^\n.!?]*|(?<=\b[A-Z])\.\s|(?<=\bMr)\.|(?<=\bMs)\.|(?<=\bDr)\.|(?<=\bMrs)\.)*[.!?]*"
)
_CAPITALISED = re.compile(rf"(?<![#@\w])[{CAPITAL}][\w'’\-]*")
_UPPER = re.compile(rf"[{CAPITAL}]")
_WORD = re.compile(r"(?<![\w'’])[a-zß-öø-ÿ][a-zß-öø-ÿ]+")
_PERSONAL = re.compile(
    r"\b(?:name[sd]?|called|mrs?|ms|miss|dr|said|says|asked|told|dear|hi|hello|lives?|lived|address|born|daughter|son"
    r"|kid|brother|sister|wife|husband|friend|by|with|is from)\b"
)
_LONGEST = 2000
"""Characters of one piece that the model reads."""


def lower_words(text: str) -> set[str]:
    """Return the words that the text writes in lower case; none where it never writes upper case."""
    return set(_WORD.findall(text)) if _UPPER.search(text) else set()


def doubtful(text: str, lower: set[str], *, every: bool) -> Iterator[tuple[int, str]]:
    """Yield offset and text of each sentence to read.

    Args:
        text: one field.
        lower: words that the batch writes in lower case.
        every: read every sentence that has a letter.
    """
    shouting = _UPPER.search(text) is None
    if shouting and not every and _PERSONAL.search(text) is None:
        return
    for match in _SENTENCE.finditer(text):
        sentence = match.group()
        if not sentence.strip() or not (every or shouting or _could_name(sentence, lower)):
            continue
        for at in range(0, len(sentence), _LONGEST):
            yield match.start() + at, sentence[at : at + _LONGEST]


def _could_name(sentence: str, lower: set[str]) -> bool:
    return any(
        (word := found.casefold()) not in NOT_NAMES and word not in lower and len(word) > 1
        for found in _CAPITALISED.findall(sentence)
    )
