"""Organisations that their last or first word gives away: "Larsen AB", "Oak, Pine and Sons", "Stichting Oak"."""

import re
from collections.abc import Iterator

from gatekeeper.gates.data.personal.address_parts import CAPITAL
from gatekeeper.gates.data.personal.kinds import PiiMatch
from gatekeeper.gates.data.personal.name_words import COMPANY_ENDS, COMPANY_STARTS
from gatekeeper.gates.data.personal.page import Page

_WORD = rf"[{CAPITAL}](?:[\w\-]|['’](?!s\b))*"
_COMPANY = re.compile(
    rf"{_WORD}(?:,? (?:(?:and|&|og|et|y|e|und|en|a|i) )?{_WORD}|-{_WORD}){{0,3}},? (?:{COMPANY_ENDS})\.?(?!\w)"
    rf"|(?:{COMPANY_STARTS}) {_WORD}(?: {_WORD}){{0,3}}"
)
_PARTNERS = re.compile(rf"{_WORD}, {_WORD} and {_WORD}(?! {_WORD})(?=['’]s| |[.,:;!?\n\x00]|$)")
_SEAT = re.compile(r"(?:\b(?:at|for|from|of|support|by|to the|the|by|during \d{4},|joined|\n[>?\s]*)\s?)$")


def companies(page: Page) -> Iterator[PiiMatch]:
    """Yield names of organisations."""
    text = page.text
    for match in _COMPANY.finditer(text):
        start = match.start() + 4 * match.group().startswith("The ")
        yield PiiMatch(type="ORGANIZATION", start=start, end=match.end(), score=0.8)
    for match in _PARTNERS.finditer(text):
        if _SEAT.search(text, max(0, match.start() - 16), match.start()):
            yield PiiMatch(type="ORGANIZATION", start=match.start(), end=match.end(), score=0.76)
