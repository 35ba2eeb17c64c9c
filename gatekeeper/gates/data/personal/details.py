"""What says something about a person without naming anybody: dates, ages, titles.

Each is written with its form; relative dates ("last week") and lengths of time tell nobody anything and are left out.
"""

import re
from collections.abc import Iterator

from gatekeeper.gates.data.personal.kinds import PiiMatch
from gatekeeper.gates.data.personal.page import Page

_MONTH = (
    r"(?:Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?|Sep(?:t(?:ember)?)?|Oct(?:ober)?"
    r"|Nov(?:ember)?|Dec(?:ember)?)\.?"
)
_CLOCK = r"(?:[ T,]+[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?(?: ?[ap]\.?m\.?)?Z?)?"
_YEAR = r"(?:1[5-9][0-9]{2}|20[0-9]{2})"
_DAY = r"[0-3]?[0-9](?:st|nd|rd|th)?"
_END = r"(?![\w/\-]|[.,][0-9])"
_NUMERIC = re.compile(
    r"[0-9](?<![\w.,/\-].)[0-9]{0,3}(?P<sign>[\-./])[0-3]?[0-9](?P=sign)(?:[0-9]{4}|[0-9]{1,2})"
    rf"{_CLOCK}{_END}",
    re.IGNORECASE,
)
_WORDED = re.compile(
    rf"(?<!\w)(?:{_DAY}(?: of)? {_MONTH}(?:,? {_YEAR})?|{_MONTH} {_DAY}(?:,? {_YEAR})?|{_MONTH}"
    rf" {_YEAR}){_CLOCK}{_END}",
    re.IGNORECASE,
)
_MONTH_SIGN = re.compile(r"(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)", re.IGNORECASE)
_LONE_YEAR = re.compile(
    rf"\b(?:in|of|by|since|until|after|during|before|a|from|year|between) (?P<value>{_YEAR}){_END}", re.IGNORECASE
)
_YEAR_SIGN = re.compile(r"[12][0-9]{3}")
_WEEKDAY = re.compile(r"[MTWFS](?<!\w.)(?:on|ues|ednes|hurs|ri|atur|un)day(?!\w)")
_NO_AGE = r"%|percent|minutes?|hours?|days?|weeks?|months?|miles?|km|of|out|in|points?|dollars?|feet|cm|pounds?|times?"
_AGE_BEFORE = re.compile(
    r"\b(?:aged?|turn(?:ed|s|ing)?|(?:at the )?age of|(?:he|she|they|I) (?:was|were|am)"
    r"|(?:I|he|she|they)['’]?(?:m|s|re|ll turn| is| am))(?: just| only)?[: ]+"
    rf"(?P<value>[0-9]{{1,3}})(?![\w%$€£]|[.,:/][0-9]|[ \-](?:{_NO_AGE}|more|o'clock)\b)",
    re.IGNORECASE,
)
_AGE_BEHIND = re.compile(
    r"(?P<value>[0-9](?<![\w.,].)[0-9]{0,2})(?=[ \-]years?[ \-]old|[ \-]?y/?o\b| yrs? old| years? of age)",
    re.IGNORECASE,
)
_AGE_SIGN = re.compile(r"[0-9]\W?y|turn|age|\b(?:he|she|they|i)\W{0,2}(?:was|were|am|m|s|is|re|ll)\b", re.IGNORECASE)
_TITLE = re.compile(r"[MDP](?<!\w.)(?:rs?|s|x|rof|iss)(?!\w)\.?(?= [^\W\d_])", re.IGNORECASE)


def details(page: Page) -> Iterator[PiiMatch]:
    """Yield dates, ages and titles."""
    text = page.text
    for match in _NUMERIC.finditer(text):
        if _is_date(match.group(), match["sign"]):
            yield _match("DATE_TIME", match)
    for match in _WEEKDAY.finditer(text):
        yield _match("DATE_TIME", match)
    if _MONTH_SIGN.search(text):
        for match in _WORDED.finditer(text):
            yield _match("DATE_TIME", match)
    if _YEAR_SIGN.search(text):
        for match in _LONE_YEAR.finditer(text):
            yield _match("DATE_TIME", match, group="value")
    if _AGE_SIGN.search(text):
        for pattern in (_AGE_BEFORE, _AGE_BEHIND):
            for match in pattern.finditer(text):
                if 0 < int(match["value"]) < 120:
                    yield _match("AGE", match, group="value")
    for match in _TITLE.finditer(text):
        if match.group()[0].isupper() or match.group().endswith("."):
            yield _match("TITLE", match)


def _match(type_: str, match: re.Match[str], *, group: int | str = 0) -> PiiMatch:
    return PiiMatch(type=type_, start=match.start(group), end=match.end(group), score=0.6)


def _is_date(written: str, sign: str) -> bool:
    numbers = re.split(r"[ T,]", written, maxsplit=1)[0].split(sign)
    first, second, third = map(int, numbers)
    if len(numbers[0]) == 4:
        return 1500 <= first <= 2099 and 1 <= second <= 12 and 1 <= third <= 31
    long_enough = len(numbers[2]) == 4 or (len(numbers[2]) == 2 and sign != ".")
    return long_enough and len(numbers[0]) <= 2 and 1 <= min(first, second) <= 12 and max(first, second) <= 31
