"""Organisations that their last or first word gives away: "Larsen AB", "Oak, Pine and Sons", "Stichting Oak"."""

import re
from collections.abc import Iterator

from gatekeeper.gates.data.personal.address_parts import CAPITAL
from gatekeeper.gates.data.personal.kinds import PiiMatch
from gatekeeper.gates.data.personal.name_words import COMPANY_ENDS, COMPANY_STARTS, NOT_NAMES
from gatekeeper.gates.data.personal.page import Page

_WORD = rf"[{CAPITAL}](?:[\w\-]|['’](?!s\b))*"
_COMPANY = re.compile(
    rf"{_WORD}(?:,? (?:(?:and|&|og|et|y|e|und|en|a|i) )?{_WORD}|-{_WORD}){{0,3}},? (?:{COMPANY_ENDS})\.?(?!\w)"
    rf"|(?:{COMPANY_STARTS}) {_WORD}(?: {_WORD}){{0,3}}"
)
_PARTNERS = re.compile(rf"{_WORD}, {_WORD} and {_WORD}(?! {_WORD})(?=['’]s| |[.,:;!?\n\x00]|$)")
_HOUSEHOLD = re.compile(
    rf"\b(?:The|the) (?P<name>{_WORD}, {_WORD} (?:and|&) {_WORD}|{_WORD}-{_WORD}) (?=(?:office|company|team|staff"
    r"|website|group|store|shop|firm|bank|headquarters|building|branch)\b)"
)
"""What only a company has."""
_EMPLOYER = re.compile(
    r"\b(?:(?:work(?:s|ed|ing)?|working) (?:for|at)|employed (?:by|at)|hired by|CEO of|CFO of|CTO of|acquired by"
    r"|company (?:called|named)|subsidiary of|employees? of|employee at|shares (?:of|in)|customers? of) (?:the )?"
    rf"(?P<name>{_WORD}(?:(?:, {_WORD})? and {_WORD}|-{_WORD}| {_WORD}){{0,2}})(?=[^\w]|$)"
)
_ABOVE_A_NUMBER = re.compile(rf"\n[>?*| \t]*(?P<name>{_WORD}-{_WORD})[ \t]*(?=\n[>?*| \t]*[0-9])")
"""Between a name and a street, as on an envelope."""
_IS_A_COMPANY = re.compile(
    rf"(?<!\w)(?P<name>{_WORD}(?:(?:, {_WORD})? and {_WORD}|-{_WORD}| {_WORD}){{0,2}}) (?:is|was) an? "
    r"(?:[\w\-]+ ){0,5}(?:company|bank|agency|firm|corporation|manufacturer|provider|start-?up|brand|retailer"
    r"|organi[sz]ation|non-profit|airline|publisher|record label|supplier|insurer|brokerage)"
    r"(?=[.,;:!?\n\x00]|$| (?:and|in|based|that|which|with|of|for|from|founded|headquartered|to)\b)"
)
_SMALL_COMPANY = re.compile(
    r"(?<![\w\-])(?P<name>(?:[^\W\d_][\w\-]+, [^\W\d_][\w\-]+ and )?[^\W\d_][\w\-]+,? (?:inc|llc|ltd|plc|gmbh"
    r"|corp|a/s|aps|oyj?|kft|b\.?v|d\.o\.o|s\.r\.o|s\.r\.l|spa))(?![\w@])\.?"
)
_SEAT = re.compile(r"(?:\b(?:at|for|from|of|support|by|to the|the|by|during \d{4},|joined|\n[>?\s]*)\s?)$")


def companies(page: Page) -> Iterator[PiiMatch]:
    """Yield names of organisations."""
    text = page.text
    for match in _COMPANY.finditer(text):
        start = match.start() + 4 * match.group().startswith("The ")
        yield PiiMatch(type="ORGANIZATION", start=start, end=match.end(), score=0.8)
    for pattern in (_HOUSEHOLD, _EMPLOYER, _ABOVE_A_NUMBER, _IS_A_COMPANY):
        for match in pattern.finditer(text):
            if match["name"].split(" ", 1)[0].casefold() not in NOT_NAMES:
                yield PiiMatch(type="ORGANIZATION", start=match.start("name"), end=match.end("name"), score=0.85)
    for match in _PARTNERS.finditer(text):
        if _SEAT.search(text, max(0, match.start() - 16), match.start()):
            yield PiiMatch(type="ORGANIZATION", start=match.start(), end=match.end(), score=0.76)


def lower_case_companies(page: Page) -> Iterator[PiiMatch]:
    """Yield names of organisations in text without upper case, which only their legal form tells from other words."""
    for match in _SMALL_COMPANY.finditer(page.text):
        if match["name"].split(" ", 1)[0] not in NOT_NAMES:
            yield PiiMatch(type="ORGANIZATION", start=match.start("name"), end=match.end("name"), score=0.8)
