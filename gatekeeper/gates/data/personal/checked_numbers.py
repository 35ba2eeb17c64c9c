"""Numbers that a form or check digits give away: cards, accounts, national identity numbers.

A number counts when its check digits are right and its grouping is how people write it; a form that ordinary numbers
share also needs a word shortly before it that says what it is. Every pattern begins with a set of characters, which
Python's engine skips to quickly; what must not stand before it is asked afterwards.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any

from gatekeeper.gates.data.personal.kinds import PiiMatch
from gatekeeper.gates.data.personal.page import Page, words


@dataclass(frozen=True, slots=True, kw_only=True)
class _Number:
    """A number with check digits of its own."""

    type: str
    pattern: re.Pattern[str]
    valid: Callable[[str], bool]
    context: re.Pattern[str] | None
    """Words that must stand shortly before; ``None`` where form and check digits are enough."""
    score: float
    digits: int
    """Least digits in it."""
    most: int
    """Most digits of a run that it can begin: digits that follow make most numbers part of a longer one."""


@cache
def _module(name: str) -> Any:
    return import_module(f"stdnum.{name}")


def _stdnum(name: str) -> Callable[[str], bool]:
    return lambda text: bool(_module(name).is_valid(text))


def _written(_: str) -> bool:
    return True


def _ssn(text: str) -> bool:
    digits = re.sub(r"\D", "", text)
    never = digits[:3] in {"000", "666"} or digits[0] == "9" or digits[3:5] == "00" or digits[5:] == "0000"
    return not never and len(set(digits)) > 1


def _itin(text: str) -> bool:
    digits = re.sub(r"\D", "", text)
    return 50 <= int(digits[3:5]) <= 99 and int(digits[3:5]) not in {66, 67, 68, 69, 89, 93}


def luhn(digits: str) -> bool:
    """Return whether the last digit is the Luhn check digit of the others (ISO/IEC 7812-1, annex B)."""
    doubled = "0246813579"
    return sum(int(doubled[int(d)]) if odd % 2 else int(d) for odd, d in enumerate(reversed(digits))) % 10 == 0


_ISSUERS = re.compile(r"4|5[0-9]|2[2-7]|3[4-9]|30|6[0-9]")


def card(text: str) -> bool:
    """Return whether the digits can be a payment card's: length, issuer's first digits, Luhn."""
    digits = re.sub(r"\D", "", text)
    known = _ISSUERS.match(digits) is not None
    return 12 <= len(digits) <= 19 and known and len(set(digits)) > 2 and luhn(digits)


_IDENTITY = words(
    r"ssn|social(?: security)?|tax(?:payer)?|tin|itin|sin|tfn|bsn|cpf|pesel|dni|nie|nif|nir|aadhaa?r|uidai|nhs"
    r"|national (?:id|identity|identification|insurance)|identity (?:card|number)|id (?:card|number|no)"
    r"|pan(?: card)?|personal (?:id|number)|kimlik|burgerservicenummer"
    r"|identification|insurance|steuer\w*|personnummer|social insurance|medicare|patient"
)


def _number(
    type_: str,
    pattern: str,
    valid: Callable[[str], bool],
    context: re.Pattern[str] | None = None,
    *,
    digits: int,
    score: float = 0.95,
    more: int = 0,
    alone: bool = True,
) -> _Number:
    """Return the recogniser of so many digits or up to ``more`` on.

    With ``alone``, digits beyond a space make it part of a longer number.
    """
    before, after = (r"(?<![0-9] )", r"(?! [0-9])") if alone else ("", "")
    compiled = re.compile(rf"{before}{pattern}(?![\w/\-]|[.,][0-9]){after}")
    return _Number(
        type=type_, pattern=compiled, valid=valid, context=context, score=score, digits=digits, most=digits + more
    )


_D = "[0-9]"
_NUMBERS = (
    _number("CREDIT_CARD", rf"{_D}(?:[ \-]?{_D}){{11,18}}", card, alone=False, digits=12, more=1 << 30),
    _number("US_SSN", rf"{_D}{_D}{{2}}(?P<ssn>[\- ]){_D}{{2}}(?P=ssn){_D}{{4}}", _ssn, score=0.9, digits=9),
    _number("US_SSN", rf"{_D}{_D}{{8}}", _ssn, words(r"ssn|social security"), digits=9),
    _number("US_ITIN", rf"[9]{_D}{{2}}(?P<itin>[\- ]){_D}{{2}}(?P=itin){_D}{{4}}", _itin, score=0.9, digits=9),
    _number(
        "UK_NINO",
        rf"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?{_D}{{2}} ?{_D}{{2}} ?{_D}{{2}} ?[A-D]",
        _written,
        score=0.85,
        digits=6,
    ),
    _number(
        "UK_NHS",
        rf"{_D}{_D}{{2}}[ \-]?{_D}{{3}}[ \-]?{_D}{{4}}",
        _stdnum("gb.nhs"),
        words("nhs|patient|health"),
        digits=10,
    ),
    _number("ES_NIF", rf"{_D}{_D}{{7}}-?[A-Za-z]", _stdnum("es.nif"), digits=8),
    _number("ES_NIE", rf"[XYZxyz]-?{_D}{{7}}-?[A-Za-z]", _stdnum("es.nie"), digits=7),
    _number(
        "IT_FISCAL_CODE",
        rf"[A-Za-z]{{6}}{_D}{{2}}[A-EHLMPRSTa-ehlmprst]{_D}{{2}}[A-Za-z]{_D}{{3}}[A-Za-z]",
        _stdnum("it.codicefiscale"),
        digits=7,
    ),
    _number(
        "FR_NIR",
        rf"[12] ?{_D}{{2}} ?[01]{_D} ?(?:{_D}{{2}}|2[AB]) ?{_D}{{3}} ?{_D}{{3}} ?{_D}{{2}}",
        _stdnum("fr.nir"),
        digits=13,
        more=2,
    ),
    _number(
        "FI_PERSONAL_IDENTITY_CODE",
        rf"[0-3]{_D}[01]{_D}{{3}}[+\-A]{_D}{{3}}[0-9A-Y]",
        _stdnum("fi.hetu"),
        digits=9,
        more=1,
    ),
    _number("CN_RESIDENT_ID", rf"{_D}{_D}{{16}}[0-9X]", _stdnum("cn.ric"), digits=17, more=1),
    _number("BR_CPF", rf"{_D}{_D}{{2}}\.{_D}{{3}}\.{_D}{{3}}-{_D}{{2}}", _stdnum("br.cpf"), digits=11),
    _number("BR_CPF", rf"{_D}{_D}{{10}}", _stdnum("br.cpf"), words("cpf"), digits=11),
    _number(
        "IN_AADHAAR", rf"[2-9]{_D}{{3}}(?P<uid>[ \-]){_D}{{4}}(?P=uid){_D}{{4}}", _stdnum("in_.aadhaar"), digits=12
    ),
    _number("IN_AADHAAR", rf"[2-9]{_D}{{11}}", _stdnum("in_.aadhaar"), words("aadhaa?r|uidai|uid"), digits=12),
    _number(
        "IN_PAN",
        rf"[A-Z][A-Z]{{2}}[ABCFGHLJPT][A-Z]{_D}{{4}}[A-Z]",
        _stdnum("in_.pan"),
        words(r"pan|tax|income"),
        digits=4,
    ),
    _number("DE_TAX_ID", rf"{_D}{_D} ?{_D}{{3}} ?{_D}{{3}} ?{_D}{{3}}", _stdnum("de.idnr"), _IDENTITY, digits=11),
    _number("PL_PESEL", rf"{_D}{_D}{{10}}", _stdnum("pl.pesel"), _IDENTITY, digits=11),
    _number("TR_NATIONAL_ID", rf"{_D}{_D}{{10}}", _stdnum("tr.tckimlik"), _IDENTITY, digits=11),
    _number("ZA_ID_NUMBER", rf"{_D}{_D}{{12}}", _stdnum("za.idnr"), _IDENTITY, digits=13),
    _number("KR_RRN", rf"{_D}{_D}{{5}}-{_D}{{7}}", _stdnum("kr.rrn"), digits=13),
    _number(
        "SG_NRIC_FIN",
        rf"[STFGM]{_D}{{7}}[A-Z]",
        _written,
        words("nric|fin|identity|id|singapore"),
        score=0.85,
        digits=7,
    ),
    _number("NL_BSN", rf"{_D}{_D}{{8}}", _stdnum("nl.bsn"), _IDENTITY, digits=9),
    _number(
        "SE_PERSONNUMMER",
        rf"{_D}{_D}{{5}}(?:{_D}{{2}})?[\-+]{_D}{{4}}",
        _stdnum("se.personnummer"),
        score=0.85,
        digits=10,
        more=2,
    ),
    _number("CA_SIN", rf"{_D}{_D}{{2}}[ \-]{_D}{{3}}[ \-]{_D}{{3}}", _stdnum("ca.sin"), _IDENTITY, digits=9),
    _number("AU_TFN", rf"{_D}{_D}{{2}} ?{_D}{{3}} ?{_D}{{3}}", _stdnum("au.tfn"), words("tfn|tax file"), digits=9),
)
_IBAN = re.compile(r"[A-Za-z]{2}[0-9]{2}(?:[ \-]?[A-Za-z0-9]{4}){2,7}(?:[ \-]?[A-Za-z0-9]{1,4})?(?!\w)")
_LETTER_FIRST = tuple(
    number for number in _NUMBERS if not number.pattern.pattern.startswith(("[0-9]", "(?<![0-9] )[0-9]"))
)
_DIGIT_FIRST = tuple(number for number in _NUMBERS if number not in _LETTER_FIRST)
_RUN = re.compile(r"[0-9](?<![\w./\-+].)(?<![0-9],.)(?:[ \-./+A]?[0-9])*")
_FEWEST = min(number.digits for number in _DIGIT_FIRST)
_MIXED = re.compile(r"[0-9](?:(?<=[A-Za-z].)|(?<=[A-Za-z]-.))[0-9]|[0-9](?<=[A-Z] .)[0-9] [0-9]{2}")
"""Digits behind a letter: where a code that begins with letters passes to its digits."""
_LETTERS = re.compile(r"(?<![\w./\-+])(?<![0-9],)[A-Za-z]{1,6}$")


def checked_numbers(page: Page) -> Iterator[PiiMatch]:
    """Yield every number whose form and check digits hold."""
    text = page.text
    for run in _RUN.finditer(text):
        digits = run.end() - run.start()
        if digits < _FEWEST:
            continue
        written = run.group()
        digits = sum(map(str.isdigit, written))
        if digits < _FEWEST:
            continue
        for number in _DIGIT_FIRST:
            if number.digits <= digits <= number.most or (number.digits <= digits and "+" in written):
                yield from _at(page, number, run.start())
    for sign in _MIXED.finditer(text):
        end = sign.start() - (text[sign.start() - 1] in " -")
        letters = _LETTERS.search(text, max(0, end - 6), end)
        if letters is None:
            continue
        for number in _LETTER_FIRST:
            yield from _at(page, number, letters.start())
        if letters.end() - letters.start() == 2 and (match := _IBAN.match(text, letters.start())) is not None:
            end = _iban_end(match.group())
            if end:
                yield PiiMatch(type="IBAN_CODE", start=match.start(), end=match.start() + end, score=0.95)


def _at(page: Page, number: _Number, start: int) -> Iterator[PiiMatch]:
    match = number.pattern.match(page.text, start)
    if match is None or not number.valid(match.group()):
        return
    if number.context is None or number.context.search(page.before(start)):
        yield PiiMatch(type=number.type, start=start, end=match.end(), score=number.score)


def iban(text: str) -> bool:
    """Return whether this is an international bank account number (ISO 13616): length, form, mod-97."""
    return bool(_module("iban").is_valid(text))


def _iban_end(text: str) -> int:
    """Return where the account number ends, or 0: words behind it may look like further groups."""
    end = len(text)
    while end >= 15:
        if iban(text[:end]):
            return end
        end = max(text.rfind(" ", 0, end), text.rfind("-", 0, end))
    return 0
