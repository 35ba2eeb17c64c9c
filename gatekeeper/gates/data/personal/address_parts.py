"""What stands around a street in an address: flats before it, towns, codes, states and countries behind it."""

import re

from gatekeeper.gates.data.personal.street_words import COUNTRIES, JOINING, NOT_IN_ADDRESSES, UNITS, any_of

CAPITAL = "A-ZÀ-ÖØ-Þ" + "".join(
    letter
    for code in (*range(0x100, 0x250), *range(0x370, 0x530), *range(0x1E00, 0x1F00))
    if (letter := chr(code)).isupper()
)
"""Upper-case letters of Latin, Greek and Cyrillic, for use inside a set."""
_COUNTRY, _UNIT = any_of(COUNTRIES), any_of(UNITS)
_WORD = rf"[{CAPITAL}](?:[\w'’\-]*\w)?(?:(?<=\b\w)\.|(?<=\b\w\w)\.|(?<=\b\w\w\w)\.)?"
_SMALL = (
    r"(?:de|la|le|les|du|des|del|della|di|da|do|dos|das|van|der|den|von|of|the|y|e|na|nad|pod|upon|on|an|am"
    r"|im|in|sur|aan|bei|i|ob|og)"
)
TOWN = rf"{_WORD}(?:(?:[ \-]|(?:-| ){_SMALL}[ \-](?:{_SMALL}[ \-])?){_WORD}){{0,3}}(?: [0-9]{{1,2}}(?![0-9]))?"
_LINE = r"[ \t]*,?[ \t]*(?:\n[\s>?|*]{0,12},?[ \t]*)"
_SEPARATOR = rf"(?:{_LINE}{{1,2}}|[ \t]*,[ \t]*|[ \t]+)"
_HARD = rf"(?:{_LINE}{{1,2}}|[ \t]*,[ \t]*)"
_CODE = (
    r"(?:[A-Z]{1,2}-)?(?:[0-9]{5}-[0-9]{3,4}|[0-9]{4}-[0-9]{3}|[0-9]{2}-[0-9]{3}|[0-9]{3} [0-9]{2}|[0-9]{4}"
    r" ?[A-Z]{2}|[0-9]{4,6}|[0-9]{8})"
    r"|[A-Z]{1,2}[0-9][A-Z0-9]? ?[0-9][A-Z]{2}|[A-Z][0-9][A-Z] ?[0-9][A-Z][0-9]"
)
_END = r"(?![\w@/]|[.,:][0-9]|-[0-9])"
_STATE = r"(?:[A-Z]{2,3}|nan)(?![\w.'’])"
_AFTER_TOWN = (
    rf"(?=[ \t]*(?:[.,;:!?)\"\n\x00\]]|$)|{_SEPARATOR}(?:(?:{_CODE}){_END}|{_STATE}|(?i:{_COUNTRY})\b)"
    r"|[ \t]+(?:\(|/|-|–|and|in|for|please|after|before|because|when|so|as|is|was|with|which|that|to|from|by|on"
    r"|it|the|i"
    r"|last|this|next|if|but|or|at|have|has|can|who|where|i['’]m|office|mobile|fax|phone)\b)"
)
_PARTS = (
    (
        2,
        re.compile(
            rf"{_SEPARATOR}(?i:(?:{_UNIT})(?:\.|\b) ?#?[0-9]{{1,5}}[a-z]?|#[0-9]{{1,5}}|[0-9]{{1,2}}(?:st|nd|rd"
            rf"|th) floor){_END}"
        ),
    ),
    (3, re.compile(rf"{_SEPARATOR}(?:{_CODE})(?:[ \t]*,|{_LINE})?[ \t]*(?P<town>{TOWN}){_AFTER_TOWN}")),
    (2, re.compile(rf"{_SEPARATOR}(?:{_CODE}){_END}(?!\s*(?:%|percent|people|dollars|miles|years))")),
    (1, re.compile(rf"{_SEPARATOR}(?i:{_COUNTRY})\b")),
    (1, re.compile(rf"{_SEPARATOR}{_STATE}")),
    (1, re.compile(rf"{_HARD}(?P<town>{TOWN}){_AFTER_TOWN}")),
    (
        1,
        re.compile(
            rf" (?P<town>{TOWN})(?={_HARD}{_STATE}|{_SEPARATOR}(?:{_STATE}{_SEPARATOR})?(?:{_CODE}){_END}"
            rf"|{_SEPARATOR}(?i:{_COUNTRY})\b)"
        ),
    ),
    (1, re.compile(r" \((?:[A-Z]{2})\)| / [A-Z]{2}(?!\w)")),
)
"""Evidence and pattern of each part, likeliest first."""
_FIRST_SIGN = re.compile(r"(?=[ \t,\n])[\s,>?|*]*(?P<sign>[^\s,>?|*])")
_CODE_WITH_LETTERS = re.compile(r"[A-Z]{1,2}-?[0-9]")
_AFTER_DIGIT, _AFTER_NUMBER_SIGN, _AFTER_BRACKET = _PARTS[:3], _PARTS[:1], _PARTS[7:]
_AFTER_SMALL = (_PARTS[0], _PARTS[3], _PARTS[4])
_AFTER_CAPITAL = (_PARTS[0], *_PARTS[3:7])
_AFTER_CODE = _PARTS[:7]
_UNIT_BEFORE = re.compile(rf"(?<!\w)(?i:{_UNIT})(?:\.|\b) ?#?(?:[0-9]{{1,5}}[a-zA-Z]?(?:,? |{_LINE}))?$")
"""A flat, or its name alone where the number that follows is the flat's own."""
_MOST_PARTS = 7


def extended(text: str, end: int) -> tuple[int, int]:
    """Return the evidence in the parts that follow a street ending at ``end``, and where the last of them ends."""
    evidence, towns = 0, 0
    for _ in range(_MOST_PARTS):
        for weight, pattern in _possible(text, end):
            match = pattern.match(text, end)
            if match is None or match.end() == end:
                continue
            town = match.groupdict().get("town")
            if town is not None and (towns == 3 or not is_town(town)):
                continue
            towns += town is not None
            evidence, end = evidence + weight, match.end()
            break
        else:
            break
    return evidence, end


def _possible(text: str, end: int) -> tuple[tuple[int, re.Pattern[str]], ...]:
    """Return the parts that what stands behind ``end`` can begin: every other pattern would fail."""
    first = _FIRST_SIGN.match(text, end)
    if first is None:
        return ()
    sign = first["sign"]
    if sign.isalpha():
        if _CODE_WITH_LETTERS.match(text, first.start("sign")):
            return _AFTER_CODE
        return _AFTER_SMALL if sign.islower() else _AFTER_CAPITAL
    if sign == "#":
        return _AFTER_NUMBER_SIGN
    if sign in "(/":
        return _AFTER_BRACKET
    return _AFTER_DIGIT if sign.isdigit() else ()


def is_town(name: str) -> bool:
    """Return whether the words can be a town's name: none of them is one of every day."""
    words = [word.casefold().rstrip(".") for word in re.split(r"[ \-]", name)]
    return not any(word in NOT_IN_ADDRESSES and word not in JOINING for word in words)


def unit_before(text: str, start: int) -> int | None:
    """Return where a flat that stands before the street begins, or ``None``."""
    match = _UNIT_BEFORE.search(text, max(0, start - 24), start)
    return match.start() if match else None
