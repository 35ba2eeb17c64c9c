"""Places and nations that their words give away: streets without a number, countries, people from them.

A country or a nation says little about anybody; these are details. The language model adds towns.
"""

import re
from collections.abc import Iterator

from gatekeeper.gates.data.personal.address_parts import CAPITAL
from gatekeeper.gates.data.personal.kinds import PiiMatch
from gatekeeper.gates.data.personal.page import Page
from gatekeeper.gates.data.personal.street_words import COMPOUND_ENDS, COUNTRIES, NATIONS, SURE_PREFIXES

_COUNTRY = re.compile(rf"(?<!\w)(?:{COUNTRIES})(?!\w)")
_CAPITALISED = re.compile(rf"[{CAPITAL}](?<!\w.)[\w'’\-]*\w")
_STREET_KIND = re.compile(
    rf"[{CAPITAL}](?<!\w.)(?:[\w'’\-]*\w|\.)?(?: [{CAPITAL}][\w'’.\-]*){{0,3}}"
    r" (?:[Ss]treet|St\.|[Aa]venue|[Rr]oad|Rd\.?|[Bb]oulevard|[Bb]lvd\.?|[Ll]ane|[Dd]rive|[Hh]ighway|Ave\.?"
    r"|[Pp]arkway|[Uu]tca|út|[Uu]lica)(?!\w)"
)
_STREET_FIRST = re.compile(
    r"(?<!\w)(?:"
    + "|".join(sorted(SURE_PREFIXES, key=len, reverse=True))
    + r")\.?(?: (?:de|la|le|les|du|des|del|della|di|da|do|dos))*"
    rf"(?: [{CAPITAL}][\w'’\-]*){{1,4}}",
    re.IGNORECASE,
)
_OPENING = frozenset({"the", "main", "on", "in", "at", "a", "this", "my", "our", "wall"})


def places(page: Page) -> Iterator[PiiMatch]:
    """Yield countries, nations and streets."""
    text = page.text
    for match in _COUNTRY.finditer(text):
        yield PiiMatch(type="LOCATION", start=match.start(), end=match.end(), score=0.6)
    for match in _STREET_KIND.finditer(text):
        if match.group().split(" ", 1)[0].casefold() not in _OPENING:
            yield PiiMatch(type="LOCATION", start=match.start(), end=match.end(), score=0.55)
    for match in _STREET_FIRST.finditer(text):
        yield PiiMatch(type="LOCATION", start=match.start(), end=match.end(), score=0.55)
    for match in _CAPITALISED.finditer(text):
        word = match.group().casefold()
        if word in NATIONS:
            yield PiiMatch(type="NRP", start=match.start(), end=match.end(), score=0.6)
        elif word.endswith(COMPOUND_ENDS) and len(word) > 7:
            yield PiiMatch(type="LOCATION", start=match.start(), end=match.end(), score=0.55)
