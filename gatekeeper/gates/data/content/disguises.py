"""Which letter shift, or reversal, turns a text's words into common English ones.

Each common word is written down beforehand in all its disguises, so that a text costs one look-up a word.
"""

import string
from collections import Counter
from collections.abc import Sequence
from functools import cache

_WORDS = (
    "about all and are been but call can come could day did down each explain find first for from get "
    "give had has have her here him his how into its like long look made make many may more must need not "
    "now number one other out part people please said see she should some steps tell than that the their "
    "them then there these they this time two use want was water way were what when which who why will "
    "with without word would write you your"
)
_COMMON = frozenset(_WORDS.split())
"""Common words of three letters and more: shorter ones turn into each other too easily."""
REVERSED = 0
"""The code for a text written backwards; 1 to 25 are letter shifts."""
_LEAST_VOTES, _LEAST_SHARE = 4, 0.2


def shifted(text: str, shift: int) -> str:
    """Return the text with each Latin letter moved ``shift`` places on, case kept."""
    lower, upper = string.ascii_lowercase, string.ascii_uppercase
    table = str.maketrans(lower + upper, lower[shift:] + lower[:shift] + upper[shift:] + upper[:shift])
    return text.translate(table)


@cache
def _disguises() -> dict[str, tuple[int, ...]]:
    """Return, for each disguised common word that is not common itself, the codes that undo it."""
    found: dict[str, list[int]] = {}
    for word in sorted(_COMMON):
        found.setdefault(word[::-1], []).append(REVERSED)
        for shift in range(1, 26):
            found.setdefault(shifted(word, 26 - shift), []).append(shift)
    return {disguise: tuple(codes) for disguise, codes in found.items() if disguise not in _COMMON}


def disguise_of(words: Sequence[str]) -> int | None:
    """Return the code that makes most words common, or nothing where the text is no disguise.

    Args:
        words: lower case.
    """
    known = _disguises()
    votes = Counter(code for word in words if word in known for code in known[word])
    if not votes:
        return None
    code, most = votes.most_common(1)[0]
    plain = sum(word in _COMMON for word in words)
    enough = most >= _LEAST_VOTES and most >= _LEAST_SHARE * len(words)
    return code if enough and most > 2 * plain else None
