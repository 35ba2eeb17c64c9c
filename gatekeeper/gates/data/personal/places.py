"""Places and nations that their words give away: streets without a number, countries, people from them.

A country or a nation says little about anybody; these are details. The language model adds towns.
"""

import re
from collections.abc import Iterator

from gatekeeper.gates.data.personal.address_parts import CAPITAL, TOWN, is_town
from gatekeeper.gates.data.personal.kinds import PiiMatch
from gatekeeper.gates.data.personal.page import Page
from gatekeeper.gates.data.personal.street_words import COMPOUND_ENDS, COUNTRIES, NATIONS, SURE_PREFIXES, any_of

_COUNTRY = re.compile(rf"(?<!\w)(?:{any_of(COUNTRIES)})(?!\w)")
_CAPITALISED = re.compile(rf"[{CAPITAL}](?<!\w.)[\w'’\-]*\w")
_STREET_KIND = re.compile(
    rf"[{CAPITAL}](?<!\w.)(?:[\w'’\-]*\w|\.)?(?: [{CAPITAL}][\w'’.\-]*){{0,3}}"
    r" (?:[Ss]treet|St\.|[Aa]venue|[Rr]oad|Rd\.?|[Bb]oulevard|[Bb]lvd\.?|[Ll]ane|[Dd]rive|[Hh]ighway|Ave\.?"
    r"|[Pp]arkway|[Uu]tca|út|[Uu]lica)(?!\w)"
)
_AFTER_FIRST = re.compile(
    rf"(?:\.?(?: (?:de|la|le|les|du|des|del|della|di|da|do|dos))*)(?: [{CAPITAL}][\w'’\-]*){{1,4}}", re.IGNORECASE
)
_BEEN = re.compile(
    r"\b(?:(?:live[sd]?|living|born|grew up|raised|based|work(?:s|ed|ing)?|stay(?:s|ed|ing)?|am|is|are|was) in"
    r"|(?:flew|fly|flying|travel(?:s|l?ed|l?ing)?|move[sd]?(?: here)?|moving|drove|returned|arrived|went|going|trip"
    r"|come|came|coming|originally|back|welcome) (?:to|from|at|in)|visit(?:s|ed|ing)?|city of|town of)"
    rf" (?P<town>{TOWN})"
)
_CODE = re.compile(r"[0-9](?<= .)(?:[0-9]{4}(?:-[0-9]{4})?|[0-9]{2} [0-9]{2})(?![\w/%]|[.,:\-][0-9])")
_TOWN_BEFORE = re.compile(rf"(?<!\w)(?P<town>{TOWN}),? $")
_ALSO_NAMES = frozenset({"Chad", "Jordan", "Georgia", "Israel", "Jersey", "Reunion", "Dominica", "Palestine", "China"})
"""Countries whose names people bear too."""
_OPENING = frozenset({"the", "main", "on", "in", "at", "a", "this", "my", "our", "wall"})


def places(page: Page) -> Iterator[PiiMatch]:
    """Yield countries, nations and streets."""
    text = page.text
    for match in _COUNTRY.finditer(text):
        score = 0.6 if match.group() in _ALSO_NAMES else 0.8
        yield PiiMatch(type="LOCATION", start=match.start(), end=match.end(), score=score)
    for match in _STREET_KIND.finditer(text):
        if match.group().split(" ", 1)[0].casefold() not in _OPENING:
            yield PiiMatch(type="LOCATION", start=match.start(), end=match.end(), score=0.76)
    yield from _streets_by_first_word(text)
    for match in _BEEN.finditer(text):
        if is_town(match["town"]) and match["town"].casefold() not in NATIONS:
            yield PiiMatch(type="LOCATION", start=match.start("town"), end=match.end("town"), score=0.7)
    for code in _CODE.finditer(text):
        town = _TOWN_BEFORE.search(text, max(0, code.start() - 40), code.start())
        if town and is_town(town["town"]):
            yield PiiMatch(type="LOCATION", start=town.start("town"), end=town.end("town"), score=0.76)
            yield PiiMatch(type="ZIP_CODE", start=code.start(), end=code.end(), score=0.6)
    for match in _CAPITALISED.finditer(text):
        word = match.group().casefold()
        if word in NATIONS:
            yield PiiMatch(type="NRP", start=match.start(), end=match.end(), score=0.6)
        elif word.endswith(COMPOUND_ENDS) and len(word) > 7:
            yield PiiMatch(type="LOCATION", start=match.start(), end=match.end(), score=0.76)


def _streets_by_first_word(text: str) -> Iterator[PiiMatch]:
    """Yield "rue Oak", "Calle del Roble": few texts hold such a first word, so those are looked for by themselves."""
    for first in SURE_PREFIXES & set(re.split(r"[\W\d_]+", text.lower())):
        for match in re.finditer(rf"(?<!\w){first}(?!\w)", text, re.IGNORECASE):
            name = _AFTER_FIRST.match(text, match.end())
            if name:
                yield PiiMatch(type="LOCATION", start=match.start(), end=name.end(), score=0.76)
