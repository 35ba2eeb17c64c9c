"""Personal data that has a form: addresses, numbers with check digits, numbers that a word beside them explains.

A number counts when its check digits are right and its grouping is how people write it, or when a word close before it
says what it is. Every recogniser yields character offsets; :data:`CLASSES` says how bad a type is.
"""

import ipaddress
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib import import_module

import phonenumbers

from gatekeeper.gates.data.personal.street_addresses import street_addresses


class PiiClass(StrEnum):
    """What the disclosure of a type does to a person."""

    HIGH_RISK = "high_risk"
    """Enough for fraud: cards, bank accounts, identity numbers, passports."""
    CONTACT = "contact"
    """Reaches or finds the person: e-mail, telephone, street address, internet address."""
    PERSON = "person"
    """A name by itself, often a public figure's or a character's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PiiMatch:
    """One recognised piece of one text."""

    type: str
    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Number:
    """A number with check digits of its own."""

    type: str
    pattern: re.Pattern[str]
    valid: Callable[[str], bool]
    context: re.Pattern[str] | None
    """Words that must stand shortly before; ``None`` where form and check digits are enough."""
    score: float


_BEFORE = 60
"""Characters before a number in which a word may explain it."""


def _stdnum(module: str) -> Callable[[str], bool]:
    def valid(text: str) -> bool:
        return bool(import_module(f"stdnum.{module}").is_valid(text))

    return valid


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text)


def _card(text: str) -> bool:
    from stdnum import luhn

    digits = _digits(text)
    known = re.match(r"4|5[0-9]|2[2-7]|3[4-9]|30|6[0-9]", digits) is not None
    return 12 <= len(digits) <= 19 and known and len(set(digits)) > 2 and bool(luhn.is_valid(digits))


def _written(_: str) -> bool:
    return True


def _ssn(text: str) -> bool:
    digits = _digits(text)
    return not (digits[:3] in {"000", "666"} or digits[3:5] == "00" or digits[5:] == "0000" or len(set(digits)) == 1)


def _words(pattern: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w)(?:{pattern})(?!\w)", re.IGNORECASE)


_IDENTITY = _words(
    r"ssn|social(?: security)?|tax(?:payer)?|tin|itin|sin|tfn|bsn|cpf|pesel|dni|nie|nif|nir|aadhaa?r|uidai|nhs"
    r"|national (?:id|identity|identification|insurance)|identity (?:card|number)|id (?:card|number|no)"
    r"|pan(?: card)?|personal (?:id|number)"
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
) -> _Number:
    """Return the recogniser; with ``alone``, digits beyond a space make it part of a longer number."""
    before, after = (r"(?<!\d )", r"(?! \d)") if alone else ("", "")
    compiled = re.compile(rf"(?<![\w.,/\-+]){before}{pattern}(?![\w/\-]|[.,]\d){after}")
    return _Number(type=type_, pattern=compiled, valid=valid, context=context, score=score)


_IS = r"(?:(?i: is| was|:|#|,|\s)\s*)"
"""What stands between the name of a number and the number."""
_CODE = r"(?P<value>(?=[A-Z0-9\-]*\d{3})[A-Z0-9][A-Z0-9\-]{4,17}[A-Z0-9])"
_NUMBERS = (
    _number("CREDIT_CARD", r"\d(?:[ \-]?\d){11,18}", _card, alone=False),
    _number("IBAN_CODE", r"[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?", _stdnum("iban"), alone=False),
    _number("US_SSN", r"\d{3}([\- ])\d{2}\1\d{4}", _ssn, score=0.9),
    _number("US_SSN", r"\d{9}", _ssn, _words(r"ssn|social security")),
    _number("UK_NINO", r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D]", _written, score=0.85),
    _number("UK_NHS", r"\d{3} \d{3} \d{4}", _stdnum("gb.nhs"), _words("nhs|patient|health")),
    _number("ES_NIF", r"(?:\d{8}-?[A-Z]|[XYZ]-?\d{7}-?[A-Z])", _stdnum("es.nif")),
    _number("IT_FISCAL_CODE", r"[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z]", _stdnum("it.codicefiscale")),
    _number("FR_NIR", r"[12] ?\d{2} ?[01]\d ?(?:\d{2}|2[AB]) ?\d{3} ?\d{3} ?\d{2}", _stdnum("fr.nir")),
    _number("FI_HETU", r"[0-3]\d[01]\d{3}[+\-A]\d{3}[0-9A-Y]", _stdnum("fi.hetu")),
    _number("CN_RESIDENT_ID", r"\d{17}[0-9X]", _stdnum("cn.ric")),
    _number("BR_CPF", r"\d{3}\.\d{3}\.\d{3}-\d{2}", _stdnum("br.cpf")),
    _number("BR_CPF", r"\d{11}", _stdnum("br.cpf"), _words("cpf")),
    _number("IN_AADHAAR", r"[2-9]\d{3}([ \-])\d{4}\1\d{4}", _stdnum("in_.aadhaar")),
    _number("IN_AADHAAR", r"[2-9]\d{11}", _stdnum("in_.aadhaar"), _words("aadhaa?r|uidai|uid")),
    _number("IN_PAN", r"[A-Z]{3}[ABCFGHLJPT][A-Z]\d{4}[A-Z]", _stdnum("in_.pan"), _words(r"pan|tax|income")),
    _number("DE_TAX_ID", r"\d{2} ?\d{3} ?\d{3} ?\d{3}", _stdnum("de.idnr"), _IDENTITY),
    _number("PL_PESEL", r"\d{11}", _stdnum("pl.pesel"), _IDENTITY),
    _number("NL_BSN", r"\d{9}", _stdnum("nl.bsn"), _IDENTITY),
    _number("SE_PERSONNUMMER", r"(?:19|20)?\d{6}[\-+]\d{4}", _stdnum("se.personnummer"), score=0.85),
    _number("CA_SIN", r"\d{3}[ \-]\d{3}[ \-]\d{3}", _stdnum("ca.sin"), _IDENTITY),
    _number("AU_TFN", r"\d{3} ?\d{3} ?\d{3}", _stdnum("au.tfn"), _words("tfn|tax file")),
)
_EXPLAINED = (
    (
        "PASSPORT",
        re.compile(rf"(?i:\bpassport(?: (?:number|no\.?|id|code))?)(?:(?i: is| was|:|#|,|\s)\s*){{1,3}}{_CODE}(?!\w)"),
    ),
    (
        "DRIVER_LICENSE",
        re.compile(rf"(?i:\b(?:driver'?s?|driving) licen[cs]e(?: (?:number|no\.?|id))?){_IS}{{1,3}}{_CODE}(?!\w)"),
    ),
    (
        "BANK_ACCOUNT",
        re.compile(
            rf"(?i:\b(?:bank |checking |savings )?(?:account|acct)\.? ?(?:number|no\.?|#)){_IS}{{0,3}}"
            r"(?P<value>\d(?:[ \-]?\d){6,17})(?!\w)"
        ),
    ),
    (
        "MEDICAL_RECORD",
        re.compile(
            rf"(?i:\b(?:medical record|patient|mrn)(?: (?:number|no\.?|id))?)(?:(?i: is|:|#)\s*){{1,3}}{_CODE}(?!\w)"
        ),
    ),
)
_EMAIL = re.compile(
    r"(?<![\w.+\-])[A-Za-z0-9](?:[A-Za-z0-9._%+\-]{0,62}[A-Za-z0-9_+\-])?@(?:[A-Za-z0-9](?:[A-Za-z0-9\-]{0,61}[A-Za-z0-9])?\.)+"
    r"[A-Za-z]{2,24}(?![\w\-])"
)
_IPV4 = re.compile(r"(?<![\w.\-])(?:\d{1,3}\.){3}\d{1,3}(?![\w\-]|\.\d)")
_IPV6 = re.compile(r"(?<![\w:.])(?:[0-9A-Fa-f]{1,4}:|:(?=:)){2,7}(?::|[0-9A-Fa-f]{1,4}){0,2}(?![\w:])")
_VERSION = _words(r"v|ver|version|release|section|chapter|build")
_PHONE = re.compile(
    r"(?<![\w.,/\-+$€£(])(?:\+|\(\+?)?\d(?:[ \-./()]{0,2}\d){6,14}(?:\s?(?:x|ext\.?)\s?\d{1,5})?(?![\w/%]|[.,\-]\d)"
)
_PHONE_WORD = _words(
    r"phone|telephone|tel|mobile|cell(?:phone)?|fax|call(?: me| us| him| her)?|dial|reach|text(?: me)?|whatsapp|sms"
    r"|contact|hotline|number is"
)
_GROUPED = re.compile(r"^(?:\+?1[ \-.]?)?(?:\(\d{3}\) ?|\d{3}[\-.])\d{3}[ \-.]\d{4}(?:\s?(?:x|ext\.?)\s?\d{1,5})?$")
_DATE = re.compile(
    r"^(?:(?:1[89]|20)\d{2}[\-./ ][01]?\d[\-./ ][0-3]?\d|[0-3]?\d[\-./ ][0-3]?\d[\-./ ](?:1[89]|20)?\d{2})$"
)

_PUBLIC_LINES = frozenset(
    {
        phonenumbers.PhoneNumberType.TOLL_FREE,
        phonenumbers.PhoneNumberType.PREMIUM_RATE,
        phonenumbers.PhoneNumberType.SHARED_COST,
    }
)
"""Hot lines and services: nobody's own number."""

CLASSES = {
    **{number.type: PiiClass.HIGH_RISK for number in _NUMBERS},
    **{type_: PiiClass.HIGH_RISK for type_, _ in _EXPLAINED},
    "EMAIL_ADDRESS": PiiClass.CONTACT,
    "PHONE_NUMBER": PiiClass.CONTACT,
    "IP_ADDRESS": PiiClass.CONTACT,
    "STREET_ADDRESS": PiiClass.CONTACT,
    "PERSON": PiiClass.PERSON,
}
"""Class of every type that any recogniser yields."""


def structured_pii(text: str) -> Iterator[PiiMatch]:
    """Yield every match; overlapping ones are the caller's to settle."""
    if "@" in text:
        for match in _EMAIL.finditer(text):
            yield PiiMatch(type="EMAIL_ADDRESS", start=match.start(), end=match.end(), score=1.0)
    if not any(character.isdigit() for character in text):
        return
    yield from street_pii(text)
    yield from _numbers(text)
    yield from _phones(text)
    yield from _addresses(text)


def street_pii(text: str) -> Iterator[PiiMatch]:
    """Yield postal addresses."""
    for start, end, score in street_addresses(text):
        yield PiiMatch(type="STREET_ADDRESS", start=start, end=end, score=score)


def _numbers(text: str) -> Iterator[PiiMatch]:
    for number in _NUMBERS:
        for match in number.pattern.finditer(text):
            before = text[max(0, match.start() - _BEFORE) : match.start()]
            if number.context is not None and not number.context.search(before):
                continue
            if number.valid(match.group()):
                yield PiiMatch(type=number.type, start=match.start(), end=match.end(), score=number.score)
    for type_, pattern in _EXPLAINED:
        for match in pattern.finditer(text):
            start, end = match.span("value")
            yield PiiMatch(type=type_, start=start, end=end, score=0.85)


def _phones(text: str) -> Iterator[PiiMatch]:
    for match in _PHONE.finditer(text):
        found = match.group()
        start, end = match.span()
        if _DATE.match(found) or _IPV4.fullmatch(found):
            continue
        score = _phone_score(found, text[max(0, start - _BEFORE) : start])
        if score:
            yield PiiMatch(type="PHONE_NUMBER", start=start, end=end, score=score)


def _phone_score(found: str, before: str) -> float:
    """Return how surely this is a telephone number: 0 when it is not."""
    if found.count(")") != found.count("("):
        return 0.0
    explained = _PHONE_WORD.search(before) is not None
    international = found.startswith(("+", "(+"))
    digits = _digits(found)
    try:
        parsed = phonenumbers.parse(found, None if international else "US")
    except phonenumbers.NumberParseException:
        return 0.0
    if phonenumbers.number_type(parsed) in _PUBLIC_LINES:
        return 0.0
    if _GROUPED.match(found):
        return 0.95 if explained else 0.85
    if international:
        return 0.95 if phonenumbers.is_possible_number(parsed) else 0.0
    if explained and 7 <= len(digits) <= 15:
        return 0.8
    return 0.0


def _addresses(text: str) -> Iterator[PiiMatch]:
    for pattern in (_IPV4, _IPV6):
        for match in pattern.finditer(text):
            if _VERSION.search(text[max(0, match.start() - 12) : match.start()]):
                continue
            try:
                address = ipaddress.ip_address(match.group())
            except ValueError:
                continue
            nobody = address.is_loopback or address.is_unspecified or address.is_multicast or address.is_link_local
            if nobody or str(address).startswith("255.") or _local(address):
                continue
            yield PiiMatch(type="IP_ADDRESS", start=match.start(), end=match.end(), score=0.9)


_LOCAL = tuple(ipaddress.ip_network(block) for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "0.0.0.0/8"))


def _local(address: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    return any(address in block for block in _LOCAL if block.version == address.version)
