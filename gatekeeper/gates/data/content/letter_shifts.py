"""Which letter shift, or reversal, turns a text into one that a language of the table would write.

A text is tried only when its letters surprise (``surprise``), which ordinary text hardly ever does.
"""

import string
from functools import lru_cache

from gatekeeper.gates.data.content.harm_lexicon import words_of
from gatekeeper.gates.data.content.surprise import surprise_of

REVERSED = 0
"""The code for a text written backwards; 1 to 25 are letter shifts."""
_SURPRISING = 4.2
"""Least bits a letter of a text that is tried: 1 in 100 ordinary ones."""
_PLAIN = 4.05
"""Greatest bits a letter of what it says when undone."""
_GAIN = 0.5
"""Least bits a letter by which undoing helps."""
_LETTERS = 16
"""Fewest letters, of words that differ, that tell a language: the same word again says nothing more."""
_READ = 400
"""Characters from the start that are tried."""
_LOWER, _UPPER = string.ascii_lowercase, string.ascii_uppercase


def shifted(text: str, shift: int) -> str:
    """Return the text with each Latin letter moved ``shift`` places on, case kept."""
    to = _LOWER[shift:] + _LOWER[:shift] + _UPPER[shift:] + _UPPER[:shift]
    return text.translate(str.maketrans(_LOWER + _UPPER, to))


@lru_cache(maxsize=64)
def disguise_of(text: str) -> int | None:
    """Return the code that undoes a text's disguise, or nothing where it has none."""
    given = surprise_of(text)
    if not given.bits >= _SURPRISING or given.letters < _LETTERS or given.script != "Latin":
        return None
    if sum(map(len, set(words_of(text[:_READ])))) < _LETTERS:
        return None
    start = text[:_READ]
    costs = {REVERSED: surprise_of(start[::-1]).bits}
    costs.update({shift: surprise_of(shifted(start, shift)).bits for shift in range(1, 26)})
    best = min(costs, key=lambda code: costs[code])
    return best if costs[best] <= min(_PLAIN, given.bits - _GAIN) else None
