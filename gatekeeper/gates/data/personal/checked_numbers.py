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
    score: float = 0.95,
    alone: bool = True,
    ignore_case: bool = False,
) -> _Number:
    """Return the recogniser; with ``alone``, digits beyond a space make it part of a longer number."""
    first, rest = re.fullmatch(
        r"(\[[^\]]*\]|.)"
        r"(.*)",
        pattern,
        re.DOTALL,
    ).groups()  # type: ignore[union-attr]  # always matches
    before, after = (r"(?<![0-9] .)", r"(?! [0-9])") if alone else ("", "")
    guarded = rf"{first}(?<![\w./\-+].)(?<![0-9],.){before}{rest}(?![\w/\-]|[.,][0-9]){after}"
    compiled = re.compile(guarded, re.IGNORECASE if ignore_case else 0)
    return _Number(type=type_, pattern=compiled, valid=valid, context=context, score=score)


_D = "[0-9]"
_NUMBERS = (
    _number("CREDIT_CARD", rf"{_D}(?:[ \-]?{_D}){{11,18}}", card, alone=False),
    _number("US_SSN", rf"{_D}{_D}{{2}}(?P<ssn>[\- ]){_D}{{2}}(?P=ssn){_D}{{4}}", _ssn, score=0.9),
    _number("US_SSN", rf"{_D}{_D}{{8}}", _ssn, words(r"ssn|social security")),
    _number("US_ITIN", rf"[9]{_D}{{2}}(?P<itin>[\- ]){_D}{{2}}(?P=itin){_D}{{4}}", _itin, score=0.9),
    _number(
        "UK_NINO",
        rf"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?{_D}{{2}} ?{_D}{{2}} ?{_D}{{2}} ?[A-D]",
        _written,
        score=0.85,
    ),
    _number("UK_NHS", rf"{_D}{_D}{{2}}[ \-]?{_D}{{3}}[ \-]?{_D}{{4}}", _stdnum("gb.nhs"), words("nhs|patient|health")),
    _number("ES_NIF", rf"{_D}{_D}{{7}}-?[A-Z]", _stdnum("es.nif"), ignore_case=True),
    _number("ES_NIE", rf"[XYZ]-?{_D}{{7}}-?[A-Z]", _stdnum("es.nie"), ignore_case=True),
    _number(
        "IT_FISCAL_CODE",
        rf"[A-Z][A-Z]{{5}}{_D}{{2}}[A-EHLMPRST]{_D}{{2}}[A-Z]{_D}{{3}}[A-Z]",
        _stdnum("it.codicefiscale"),
        ignore_case=True,
    ),
    _number(
        "FR_NIR",
        rf"[12] ?{_D}{{2}} ?[01]{_D} ?(?:{_D}{{2}}|2[AB]) ?{_D}{{3}} ?{_D}{{3}} ?{_D}{{2}}",
        _stdnum("fr.nir"),
    ),
    _number("FI_PERSONAL_IDENTITY_CODE", rf"[0-3]{_D}[01]{_D}{{3}}[+\-A]{_D}{{3}}[0-9A-Y]", _stdnum("fi.hetu")),
    _number("CN_RESIDENT_ID", rf"{_D}{_D}{{16}}[0-9X]", _stdnum("cn.ric")),
    _number("BR_CPF", rf"{_D}{_D}{{2}}\.{_D}{{3}}\.{_D}{{3}}-{_D}{{2}}", _stdnum("br.cpf")),
    _number("BR_CPF", rf"{_D}{_D}{{10}}", _stdnum("br.cpf"), words("cpf")),
    _number("IN_AADHAAR", rf"[2-9]{_D}{{3}}(?P<uid>[ \-]){_D}{{4}}(?P=uid){_D}{{4}}", _stdnum("in_.aadhaar")),
    _number("IN_AADHAAR", rf"[2-9]{_D}{{11}}", _stdnum("in_.aadhaar"), words("aadhaa?r|uidai|uid")),
    _number(
        "IN_PAN", rf"[A-Z][A-Z]{{2}}[ABCFGHLJPT][A-Z]{_D}{{4}}[A-Z]", _stdnum("in_.pan"), words(r"pan|tax|income")
    ),
    _number("DE_TAX_ID", rf"{_D}{_D} ?{_D}{{3}} ?{_D}{{3}} ?{_D}{{3}}", _stdnum("de.idnr"), _IDENTITY),
    _number("PL_PESEL", rf"{_D}{_D}{{10}}", _stdnum("pl.pesel"), _IDENTITY),
    _number("TR_NATIONAL_ID", rf"{_D}{_D}{{10}}", _stdnum("tr.tckimlik"), _IDENTITY),
    _number("ZA_ID_NUMBER", rf"{_D}{_D}{{12}}", _stdnum("za.idnr"), _IDENTITY),
    _number("KR_RRN", rf"{_D}{_D}{{5}}-{_D}{{7}}", _stdnum("kr.rrn")),
    _number("SG_NRIC_FIN", rf"[STFGM]{_D}{{7}}[A-Z]", _written, words("nric|fin|identity|id|singapore"), score=0.85),
    _number("NL_BSN", rf"{_D}{_D}{{8}}", _stdnum("nl.bsn"), _IDENTITY),
    _number("SE_PERSONNUMMER", rf"{_D}{_D}{{5}}(?:{_D}{{2}})?[\-+]{_D}{{4}}", _stdnum("se.personnummer"), score=0.85),
    _number("CA_SIN", rf"{_D}{_D}{{2}}[ \-]{_D}{{3}}[ \-]{_D}{{3}}", _stdnum("ca.sin"), _IDENTITY),
    _number("AU_TFN", rf"{_D}{_D}{{2}} ?{_D}{{3}} ?{_D}{{3}}", _stdnum("au.tfn"), words("tfn|tax file")),
)
_IBAN = re.compile(
    r"[A-Z](?<![\w.,/\-+].)[A-Z][0-9]{2}(?:[ \-]?[A-Z0-9]{4}){2,7}(?:[ \-]?[A-Z0-9]{1,4})?(?!\w)", re.IGNORECASE
)


def checked_numbers(page: Page) -> Iterator[PiiMatch]:
    """Yield every number whose form and check digits hold."""
    text = page.text
    for number in _NUMBERS:
        for match in number.pattern.finditer(text):
            if number.context is not None and not number.context.search(page.before(match.start())):
                continue
            if number.valid(match.group()):
                yield PiiMatch(type=number.type, start=match.start(), end=match.end(), score=number.score)
    for match in _IBAN.finditer(text):
        end = _iban_end(match.group())
        if end:
            yield PiiMatch(type="IBAN_CODE", start=match.start(), end=match.start() + end, score=0.95)


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
