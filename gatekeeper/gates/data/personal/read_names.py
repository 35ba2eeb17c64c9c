"""What a language model found, made fit: edges trimmed, types put right by the words around them."""

import re
from collections.abc import Iterator

from gatekeeper.gates.data.personal.address_parts import CAPITAL
from gatekeeper.gates.data.personal.kinds import PiiMatch
from gatekeeper.gates.data.personal.language_model import Entity
from gatekeeper.gates.data.personal.name_words import COMPANY_ENDS, NOT_NAMES, PARTICLES, ROLES
from gatekeeper.gates.data.personal.person_names import plausible
from gatekeeper.gates.data.personal.street_words import NATIONS

SCORES = {"PERSON": 0.7, "ORGANIZATION": 0.65, "LOCATION": 0.65, "NRP": 0.65}
"""How sure a small model's entity is, by type; others are left out."""
_WORD = rf"[{CAPITAL}](?:[\w\-]|['’](?!s\b))*"
_MORE = re.compile(rf"(?: (?:(?:{PARTICLES}) ){{0,3}}{_WORD}){{1,3}}")
_LESS = re.compile(rf"(?:{_WORD} ){{1,2}}$")
_HEAD = re.compile(rf"(?:(?i:{ROLES}|mrs?|ms|miss|dr|prof|the|ex-\w+|[a-z]+)\.? |[^\w]+)+")
_NAMELIKE = re.compile(rf"{_WORD}(?: (?:(?:{PARTICLES}) )?{_WORD}){{0,3}}$")
_COMPANY = re.compile(rf"(?:^|[ ,\-])(?:{COMPANY_ENDS})\.?$| and | & ")
_PERSON_BEFORE = re.compile(
    r"(?:\b(?:called|calls? me|named|name is|name['’]s|said|says|by|early|starring|with|under|hi|hey|hello|dear|to"
    rf"|{ROLES}|add|between|including|why is|have you heard|have you been to a|was a huge|follow up with|that|but"
    rf"|and) |^)$",
    re.IGNORECASE,
)
_SEAT = re.compile(r"\b(?:at|for|from|of|joined|the|support) $", re.IGNORECASE)
_IN = re.compile(r"\b(?:in|from|to|visit|near|at|of|through|via|outside|across|around) $", re.IGNORECASE)


def read_names(sentence: str, entities: list[Entity]) -> Iterator[PiiMatch]:
    """Yield the entities of one sentence as matches in its characters."""
    for found_start, found_end, label in entities:
        if label not in SCORES and label not in {"PRODUCT", "WORK_OF_ART"}:
            continue
        start, end = _trimmed(sentence, found_start, found_end)
        text = sentence[start:end]
        if not text or text.casefold() in NOT_NAMES - NATIONS or text.isdigit() or "://" in text or "@" in text:
            continue
        type_ = _type(sentence, start, end, label)
        if type_ == "PERSON":
            yield from _person(sentence, start, end)
        elif type_ is not None and not any(letter.isdigit() for letter in text[:1]):
            yield PiiMatch(type=type_, start=start, end=end, score=SCORES[type_])


def _trimmed(sentence: str, start: int, end: int) -> tuple[int, int]:
    """Return the span up to its line's end, without marks, possessive or article at its edges."""
    end = min(end, sentence.find("\n", start) if "\n" in sentence[start:end] else end)
    text = sentence[start:end]
    lead = re.match(r"(?:[\W_]+|(?i:the|a|an) )+", text)
    start += lead.end() if lead else 0
    tail = re.search(r"(?:['’]s?)?(?:(?!\.)[\W_])*$", sentence[start:end])
    end -= len(tail.group()) if tail else 0
    return start, end


def _type(sentence: str, start: int, end: int, label: str) -> str | None:
    """Return the type that the words around the entity speak for, or the model's own."""
    text, before = sentence[start:end], sentence[:start]
    if text.casefold() in NATIONS:
        return "NRP"
    if _COMPANY.search(text):
        return "ORGANIZATION"
    namelike = _NAMELIKE.match(text) is not None
    if label == "PERSON":
        hyphened = "-" in text and " " not in text and _SEAT.search(before)
        return "ORGANIZATION" if hyphened else "PERSON"
    if label in {"ORGANIZATION", "LOCATION", "PRODUCT", "WORK_OF_ART"} and namelike and not text.isupper():
        said = _PERSON_BEFORE.search(before) is not None and not _IN.search(before)
        if said and plausible(sentence, start, end) == (start, end) and (label != "LOCATION" or before.strip()):
            return "PERSON"
    return label if label in SCORES else None


def _person(sentence: str, start: int, end: int) -> Iterator[PiiMatch]:
    """Yield the name with its neighbours: a model often stops in the middle of an unfamiliar one."""
    if sentence[start : start + 1].isupper():
        more = _MORE.match(sentence, end)
        head = _HEAD.match(sentence, start, end)
        start = head.end() if head and head.end() < end and sentence[head.end()].isupper() else start
        less = _LESS.search(sentence, max(0, start - 40), start)
        wide_end = more.end() if more else end
        wide_start = less.start() if less else start
        span = plausible(sentence, wide_start, wide_end)
        if span is not None and span[0] <= start < span[1]:
            yield PiiMatch(type="PERSON", start=span[0], end=span[1], score=SCORES["PERSON"])
        return
    name = sentence[start:end]
    words = name.split()
    if sentence.islower() and 0 < len(words) <= 3 and not set(words) & NOT_NAMES and name.replace(" ", "").isalpha():
        yield PiiMatch(type="PERSON", start=start, end=end, score=0.6)
