"""People's names that the words around them give away, without a language model.

A title, "my name is", "she named him", "says …", "…'s kid" announce a name; so does a line of two to four capitalised
words right above an address, as on an envelope. What a sentence merely begins with is not taken for a name.
"""

import re
from collections.abc import Iterator, Sequence

from gatekeeper.gates.data.personal.address_parts import CAPITAL
from gatekeeper.gates.data.personal.kinds import PiiMatch
from gatekeeper.gates.data.personal.name_words import (
    BELONGINGS,
    COMPANY_ENDS,
    DEEDS,
    NOT_NAMES,
    PARTICLES,
    ROLES,
    SPEECH,
)
from gatekeeper.gates.data.personal.page import Page

WORD = rf"[{CAPITAL}](?:(?:[\w\-]|['’](?!s\b))*[^\W_])?"
NAME = rf"{WORD}(?: (?:(?:{PARTICLES}) ){{0,3}}(?:[{CAPITAL}]\. )?{WORD}){{0,3}}"
"""One to four capitalised words with the small ones between them."""
_GAP = r"[ \t]{0,4}(?:\n[ \t]{0,4})?"
_LED = r"(?:(?:van|von|de|der|den|du|della|ten|ter) ){0,2}"
_BEFORE = (
    (0.9, re.compile(rf"(?<!\w)(?:Mr|Mrs|Ms|Mx|Miss|Dr|Prof|mr|mrs|ms|miss|dr)\.? (?P<name>{_LED}{NAME})")),
    (
        0.9,
        re.compile(
            r"(?<!\w)(?i:(?:my|his|her|their|your|our|full|first|last|maiden|middle|birth|family|given|sur|nick"
            r"|user|\w+['’]s)"
            r" ?name(?:['’]s| is| was)?[:?]?(?: it['’]?s| it is| is| appears? \w+)?|(?:name|it|calls?|called"
            r"|named|call)"
            r" (?:is|me|him|her|to)(?: as)?|under(?: the name(?: of)?)?|(?:was|is|were|are|been) (?:called|named)"
            r"|(?:correct|change) it to|in the name of"
            r"|known as)"
            rf" (?P<name>{_LED}{NAME})"
        ),
    ),
    (
        0.9,
        re.compile(
            r"(?:^|(?<=\n)|(?<=\x00\n))[\s>*\-?|]{0,8}(?i:(?:full |first |last |patient |customer |client "
            r"|employee )?names?"
            rf"|attn|attention|customer|patient|contact|author|directed by|written by|signed)[ \t]*[:\-][ \t]*"
            rf"(?P<name>{_LED}{NAME})"
        ),
    ),
    (
        0.8,
        re.compile(
            rf"(?<!\w)(?:Hi|Hey|Hello|Dear|Thanks|Regards|Sincerely),?{_GAP}(?P<name>{_LED}{NAME})(?=[,.!:;\n\x00]|$)"
        ),
    ),
    (
        0.75,
        re.compile(
            rf"(?<!\w)(?i:{ROLES}|{SPEECH}|(?:directed|written|sung|performed|produced|composed|founded|painted"
            rf"|signed) by"
            rf"|starring|features?|featuring|ex-\w+|founders:|i am|i['’]m|this is) (?P<name>{_LED}{NAME})"
        ),
    ),
)
_BEHIND = (
    (0.75, re.compile(rf"(?P<name>{NAME})['’]s? (?:{BELONGINGS})(?!\w)")),
    (0.7, re.compile(rf"(?P<name>{NAME}) (?:{DEEDS})(?!\w)")),
    (
        0.75,
        re.compile(
            rf"(?:^|(?<=[\n\"]))(?P<name>{NAME}), (?=can |could |please |I |would |will you|are you|do you|the )"
        ),
    ),
    (0.75, re.compile(rf"(?:^|(?<=[\n\"]))(?P<name>{NAME}): ?(?=[\"“])")),
    (
        0.7,
        re.compile(
            rf"(?P<name>{WORD} {NAME}),? (?:of|from|at) "
            rf"(?={WORD}(?:[ ,\-&]{{1,2}}(?:and )?{WORD}){{0,3}},? (?:{COMPANY_ENDS})(?!\w)|{WORD}-{WORD}|{WORD},"
            rf" {WORD} and)"
        ),
    ),
)
_LINE = re.compile(rf"(?:(?<=\n)|^)[ \t>?|*\-]{{0,8}}(?P<name>{NAME})[ \t,]*(?=\n|\x00|$)")
_COMPANY = re.compile(rf"(?:^|[ ,\-])(?:{COMPANY_ENDS})\.?$|[&/]")
_CONTRACTED = ("'d", "'s", "'ll", "'m", "'re", "'ve", "'t")
_LINES_ABOVE = 4


def announced_names(page: Page, *, least: float = 0.0) -> Iterator[PiiMatch]:
    """Yield every name that the words before or behind it announce, as surely as ``least``."""
    text = page.text
    for patterns in (_BEFORE, _BEHIND):
        for score, pattern in patterns:
            for match in pattern.finditer(text) if score >= least else ():
                span = plausible(text, *match.span("name"))
                if span is not None:
                    yield PiiMatch(type="PERSON", start=span[0], end=span[1], score=score)


def names_above_addresses(page: Page, found: Sequence[Sequence[PiiMatch]]) -> Iterator[PiiMatch]:
    """Yield lines of capitalised words that stand within a few lines above an address or a telephone number.

    Args:
        page: the texts.
        found: what their forms gave, by text.
    """
    for which, matches in enumerate(found):
        for match in matches:
            if match.type in {"STREET_ADDRESS", "PHONE_NUMBER"}:
                first = page.starts[which]
                yield from _lines_above(page.text, first, first + match.start)


def _lines_above(text: str, first: int, place: int) -> Iterator[PiiMatch]:
    above = text[first:place].split("\n")[-1 - _LINES_ABOVE :]
    at = place - len("\n".join(above))
    for line in above:
        match = _LINE.match(text, at, at + len(line)) if line.strip() else None
        if match and " " in match["name"]:
            span = plausible(text, *match.span("name"))
            if span == match.span("name"):
                yield PiiMatch(type="PERSON", start=span[0], end=span[1], score=0.72)
        at += len(line) + 1


def plausible(text: str, start: int, end: int) -> tuple[int, int] | None:
    """Return the part of the words that can be a name, or ``None``: no label, no company, not a word of every day."""
    name = text[start:end]
    words = [(match.start() + start, match.end() + start, match.group()) for match in re.finditer(r"[^ ]+", name)]
    while words and _common(words[0][2]):
        words.pop(0)
    for at, (_, _, word) in enumerate(words):
        if _common(word) and word[0].isupper():
            words = words[:at]
            break
    while words and words[-1][2][0].islower():
        words.pop()
    if not words:
        return None
    start, end = words[0][0], words[-1][1]
    possessive = re.search(r"['’]s?$", text[start:end])
    end -= len(possessive.group()) if possessive else 0
    kept = text[start:end]
    shouted = kept.isupper() and len(kept) < 4
    if len(kept) < 2 or shouted or _COMPANY.search(kept) or any(letter.isdigit() for letter in kept):
        return None
    return start, end


def _common(word: str) -> bool:
    low = word.casefold().replace("’", "'").rstrip(".,")
    return low in NOT_NAMES or (low.endswith(_CONTRACTED) and low.split("'")[0] in NOT_NAMES)
