"""Texts without any upper case, searched as if each word were capitalised.

Names, streets and towns are known by their capitals; where a text writes none, only what other words announce surely
is taken: "my name is …", an address with enough speaking for it, a country.
"""

import re
from collections.abc import Iterator, Sequence

from gatekeeper.gates.data.personal.companies import lower_case_companies
from gatekeeper.gates.data.personal.kinds import PiiMatch
from gatekeeper.gates.data.personal.page import page_of
from gatekeeper.gates.data.personal.person_names import announced_names
from gatekeeper.gates.data.personal.places import places
from gatekeeper.gates.data.personal.street_addresses import street_addresses
from gatekeeper.gates.data.personal.street_words import JOINING

_SURE = 0.9
"""Least score of an announced name."""
_SIGN = re.compile(r"[0-9]|\bname|\b(?:mrs?|ms|miss|dr)\b|\bcall|\bin\b|\bto\b|\bfrom\b")
_WORD = re.compile(r"[^\W\d_][\w'’]*")
_MOST_WORDS = 3


def without_capitals(text: str) -> bool:
    """Return whether the text has letters and none of them is upper case."""
    return text.islower() and _SIGN.search(text) is not None


def lower_case_pii(texts: Sequence[str], *, names: bool, with_details: bool) -> Iterator[tuple[int, PiiMatch]]:
    """Yield which text holds each match, for texts without upper case; offsets are those of the text as given."""
    chosen = [which for which, text in enumerate(texts) if without_capitals(text)]
    if not chosen:
        return
    page = page_of([[_WORD.sub(_capitalised, texts[which])] for which in chosen])
    found = [*page.of_text(street_addresses(page))]
    if with_details:
        found += page.of_text(places(page))
    if names and with_details:
        plain = page_of([[texts[which]] for which in chosen])
        found += plain.of_text(lower_case_companies(plain))
    if names:
        found += (
            (at, match)
            for at, match in page.of_text(announced_names(page, least=_SURE))
            if texts[chosen[at]].count(" ", match.start, match.end) < _MOST_WORDS
        )
    for at, match in found:
        yield chosen[at], match


def _capitalised(match: re.Match[str]) -> str:
    word = match.group()
    first = word[0].upper()
    return word if word in JOINING or len(first) != 1 else first + word[1:]
