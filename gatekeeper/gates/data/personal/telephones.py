"""Telephone numbers in the forms of many countries.

What is grouped like a number of North America, begins with a country's or a trunk prefix, or carries an extension is
one by itself; other digits need a word beside them that speaks of telephones. Hot lines are nobody's own number.
"""

import re
from collections.abc import Iterator

import phonenumbers

from gatekeeper.gates.data.personal.kinds import PiiMatch
from gatekeeper.gates.data.personal.page import Page, words

_PHONE = re.compile(
    r"[+(0-9](?<![\w./\-+$€£#].)(?<![0-9][ ,:].)(?:(?<=\()\+?[0-9]|(?<=\+)\(?[0-9]|(?<=[0-9]))"
    r"(?:[ \-./()]{0,2}[0-9]){6,14}(?:\s?(?:x|ext\.?|extension)\s?[0-9]{1,5})?(?![\w/%@]|[.,\-:][0-9]| [0-9]| ?[=*])"
)
_WORD = words(
    r"phones?|telephones?|tel|mobile|mob|cell(?:phone)?s?|fax|call(?:ed|ing)?(?: me| us| him| her| them)?|dial(?:ed)?"
    r"|reach(?:ed)?|text(?: me| us)?|whatsapp|sms|ring|voicemail|landline|handset|desk|line|registered|answering"
    r"|contact|hotline|numbers? (?:is|are)|message[sd]?(?: to)?|telefon\w*|handy|t[ée]l[ée]phone|tel[ée]fono"
    r"|m[óo]vil|gsm"
)
_BEHIND = re.compile(
    r"[\s,\-–(:]*(?:office|fax|mobile|cell|home|work|phone|tel|desk|direct|is (?:my|his|her|the) (?:cell|mobile"
    r"|phone|number))\b",
    re.IGNORECASE,
)
_AMERICAN = re.compile(r"(?:\+?0{0,2}1[ \-.]?)?(?:\([0-9]{3}\) ?|[0-9]{3}[\-.])[0-9]{3}[ \-.][0-9]{4}")
_DATE = re.compile(
    r"(?:(?:1[89]|20)[0-9]{2}[\-./ ][01]?[0-9][\-./ ][0-3]?[0-9](?:[ T][0-9]+)?"
    r"|[0-3]?[0-9][\-./ ][0-3]?[0-9][\-./ ](?:1[89]|20)?[0-9]{2}(?: [0-9]+)?"
    r"|(?:1[89]|20)[0-9]{2} ?[\-–/] ?(?:1[89]|20)[0-9]{2})"
)
_EXTENSION = re.compile(r"\s?(?:x|ext\.?|extension)\s?[0-9]{1,5}$")
_DECIMAL = re.compile(r"[0-9]+\.[0-9]+|[0-9.]+|[0-9]+ ?[/\-] ?[0-9]+")
"""Of its own it is a fraction, a version or a range."""
_TRUNK = re.compile(r"\(?0[1-9]")
_NAMED = words(r"ssn|social security|card|iban|account|acct|passport|order|invoice|tracking|serial|isbn|tax|zip")
_PUBLIC_LINES = frozenset(
    {
        phonenumbers.PhoneNumberType.TOLL_FREE,
        phonenumbers.PhoneNumberType.PREMIUM_RATE,
        phonenumbers.PhoneNumberType.SHARED_COST,
    }
)
"""Hot lines and services: nobody's own number."""


def telephones(page: Page) -> Iterator[PiiMatch]:
    """Yield every telephone number."""
    for match in _PHONE.finditer(page.text):
        found, start = match.group(), match.start()
        if found.startswith("(") and ")" not in found:
            found, start = found[1:], start + 1
        if _DATE.fullmatch(found) or not _balanced(found):
            continue
        score = _score(found, page.before(start), page.after(match.end()))
        if score:
            yield PiiMatch(type="PHONE_NUMBER", start=start, end=match.end(), score=score)


def _balanced(found: str) -> bool:
    return found.count(")") == found.count("(") and found.find(")") >= found.find("(")


def _score(found: str, before: str, after: str) -> float:
    """Return how surely this is a telephone number: 0 when it is not."""
    main = _EXTENSION.sub("", found)
    digits = re.sub(r"[^0-9]", "", main)
    explained = _explained(before, after)
    american = _AMERICAN.fullmatch(main) is not None
    abroad = main.startswith(("+", "(+")) or (digits.startswith("00") and digits[2:3] != "0")
    if not 7 <= len(digits) <= 15:
        return 0.0
    # Digits in one run or in two halves are a telephone number only where somebody says so.
    odd = len(set(digits)) == 1 or _DECIMAL.fullmatch(main) is not None
    if odd and (not explained or ("." in main and not american)):
        return 0.0
    if american or abroad:
        return _international(main, digits, abroad=abroad, explained=explained)
    if main != found and len(digits) >= 10:
        return 0.85
    groups = re.findall(r"[0-9]+", main)
    if _TRUNK.match(main) and 9 <= len(digits) <= 12 and 2 <= len(groups) <= 6 and max(map(len, groups)) <= 8:
        return 0.9 if explained else 0.7
    return 0.8 if explained else 0.0


def _explained(before: str, after: str) -> bool:
    if _BEHIND.match(after):
        return True
    said = list(_WORD.finditer(before))
    return bool(said) and not _NAMED.search(before, said[-1].end())


def _international(main: str, digits: str, *, abroad: bool, explained: bool) -> float:
    written = f"+{digits.removeprefix('00') if not main.lstrip('(').startswith('+') else digits}" if abroad else main
    try:
        parsed = phonenumbers.parse(written, None if abroad else "US")
    except phonenumbers.NumberParseException:
        return 0.8 if explained else 0.0
    if phonenumbers.number_type(parsed) in _PUBLIC_LINES:
        return 0.0
    if abroad and not phonenumbers.is_possible_number(parsed):
        return 0.8 if explained else 0.0
    return 0.95 if explained else 0.85
