"""Text as the words that are compared: decoded, case folded, without punctuation or white space."""

import re
from typing import TypeAlias

from gatekeeper.gates.data.reading.decoding import decoded

Words: TypeAlias = "tuple[str, ...]"
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")


def words_of(text: str) -> Words:
    """Return the words of a text, in order."""
    return tuple(_WORD.findall(decoded(text).casefold().replace("’", "'")))
