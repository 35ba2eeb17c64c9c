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
_MONTH_SIGN = re.compile(
    r"[JFMASOND](?<!\w.)(?:an|eb|ar|pr|ay|un|ul|ug|ep|ct|ov|ec)|\b(?:jan|feb|mar|apr|may|jun"
    r"|jul|aug|sep|oct|nov|dec)"
)
_NUMBER = re.compile(r"[0-9](?<![\w.,$€£].)(?:[0-9]{0,2}|(?<=[12])[0-9]{3})(?![\w%$€£]|[.,:/][0-9]|-[0-9])")
_LEAD = 24
"""Characters before a number that say what it is."""
_YEAR_BEFORE = re.compile(r"\b(?:in|of|by|since|until|after|during|before|a|from|year|between) $", re.IGNORECASE)
_WEEKDAY = re.compile(r"[MTWFS](?<!\w.)(?:on|ues|ednes|hurs|ri|atur|un)day(?!\w)")
_NO_AGE = re.compile(
    r"[ \-](?:%|percent|minutes?|hours?|days?|weeks?|months?|miles?|km|of|out|in|points?|dollars?|feet|cm|pounds?"
    r"|times?"
    r"|more|o'clock)\b",
    re.IGNORECASE,
)
_AGE_BEFORE = re.compile(
    r"\b(?:aged?|turn(?:ed|s|ing)?|(?:at the )?age of|(?:he|she|they|I) (?:was|were|am)"
    r"|(?:I|he|she|they)['’]?(?:m|s|re|ll turn| is| am))(?: just| only)?[: ]+$",
    re.IGNORECASE,
)
_AGE_BEHIND = re.compile(r"[ \-]years?[ \-]old|[ \-]?y/?o\b| yrs? old| years? of age", re.IGNORECASE)
_TITLE = re.compile(r"[MDP](?<!\w.)(?:rs?|s|x|rof|iss)(?!\w)\.?(?= [^\W\d_])", re.IGNORECASE)


def details(page: Page) -> Iterator[PiiMatch]:
    """Yield dates, ages and titles."""
    text = page.text
    for match in _NUMERIC.finditer(text):
        if _is_date(match.group(), match["sign"]):
            yield _match("DATE_TIME", match)
    for match in _WEEKDAY.finditer(text):
        yield _match("DATE_TIME", match)
    done = 0
    for sign in _MONTH_SIGN.finditer(text):
        if sign.start() >= done and (found := _WORDED.search(text, max(0, sign.start() - 9), sign.end() + 60)):
            done = found.end()
            yield _match("DATE_TIME", found)
    for match in _NUMBER.finditer(text):
        yield from _year_or_age(text, match)
    for match in _TITLE.finditer(text):
        if match.group()[0].isupper() or match.group().endswith("."):
            yield _match("TITLE", match)


def _year_or_age(text: str, number: re.Match[str]) -> Iterator[PiiMatch]:
    before = text[max(0, number.start() - _LEAD) : number.start()]
    if not before.rstrip(": ")[-1:].isalpha():
        before = ""  # only words say what a number is
    if len(number.group()) == 4:
        if _YEAR_BEFORE.search(before):
            yield _match("DATE_TIME", number)
    elif 0 < int(number.group()) < 120:
        said = _AGE_BEFORE.search(before) and not _NO_AGE.match(text, number.end())
        if said or _AGE_BEHIND.match(text, number.end()):
            yield _match("AGE", number)


def _match(type_: str, match: re.Match[str], *, group: int | str = 0) -> PiiMatch:
    return PiiMatch(type=type_, start=match.start(group), end=match.end(group), score=0.6)


def _is_date(written: str, sign: str) -> bool:
    numbers = re.split(r"[ T,]", written, maxsplit=1)[0].split(sign)
    first, second, third = map(int, numbers)
    if len(numbers[0]) == 4:
        return 1500 <= first <= 2099 and 1 <= second <= 12 and 1 <= third <= 31
    long_enough = len(numbers[2]) == 4 or (len(numbers[2]) == 2 and sign != ".")
    return long_enough and len(numbers[0]) <= 2 and 1 <= min(first, second) <= 12 and max(first, second) <= 31
