"""Postal addresses as people write them in many countries.

Each number with words beside it is a candidate: "12 Oak Street", "rue Oak 12", "Eichenstraße 12", "12 Oak". What
speaks for an address adds up: the word for a street, a flat, a town on its own line, a post code, a country, words
such as "lives at" before it. A street without a number is a place, not somebody's address: see ``places``.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from gatekeeper.gates.data.personal.address_parts import CAPITAL, extended, unit_before
from gatekeeper.gates.data.personal.kinds import PiiMatch
from gatekeeper.gates.data.personal.page import Page
from gatekeeper.gates.data.personal.street_words import (
    COMPOUND_ENDS,
    JOINING,
    MONTHS,
    NOT_IN_ADDRESSES,
    PREFIXES,
    STRONG_SUFFIXES,
    SURE_PREFIXES,
    UNIT_WORDS,
    WEAK_SUFFIXES,
    word_set,
)

ENOUGH = 3
"""Least evidence of an address."""
_NUMBER = re.compile(
    r"[0-9](?<![\w.,/$€£\-+#:@%=].)[0-9]{0,5}(?:[/\-][0-9]{1,4})?(?: ?[a-rt-zA-Z](?![\w'’.]))?(?![\w%€£°]"
    r"|[.,:][0-9]|/|-[0-9])"
)
_WORD = re.compile(
    rf",?[ ]{{1,2}}(?P<word>(?:[{CAPITAL}](?:[\w'’\-]*\w)?|[a-zß-öø-ÿ][\w'’]*|[0-9]{{1,3}}(?:st|nd|rd|th)|[cC]/)\.?)"
)
_WORD_BEFORE = re.compile(
    rf"(?P<word>(?:[{CAPITAL}](?:[\w'’\-]*\w)?|[a-zß-öø-ÿ][\w'’]*|[cC]/)\.?)(?:,? {{1,2}}|,? (?:n[°º.]|[Nn]r\.?"
    rf"|[Nn]º|núm\.?) ?)$"
)
_TRAILING = re.compile(r",? (?:n[°º.] ?|[Nn]r\.? ?)?[0-9]{1,5}(?:/[0-9]{1,4})?[a-zA-Z]?\.?(?![\w.,/]|-[0-9])")
_COUNTED = re.compile(r" ?#?[0-9]")
_LEADING = re.compile(r"(?<![\w.,/$€£])[0-9]{1,5}[a-zA-Z]? $")
_SAID = re.compile(
    r"(?:\baddress(?:es)?(?: to the same| they are| here they are| is| to| was|,| it is|following\?)*[:;?]?"
    r"|\b(?:live[sd]?|living) (?:at|in|on)|\b(?:resid(?:es?|ed|ing)|located|meet(?: me| you| us)?|house is|office"
    r" is|offices are"
    r"|restaurant is|shop is|store is|staying|based|home is|drops you off|stop|arrived|delivered|registered) at"
    r"|\baddress\b[^.!?\n\x00]{0,40} (?:to|with)|\b(?:deliver(?:ed)? (?:it )?to|sent? (?:it |this )?to|ship"
    r"(?:ped)? (?:it )?to|return(?:ed)? to|taxi to|mail(?:ed)? (?:it )?to"
    r"|drive to|ride to|moved to|validate the following\?|it is|new one to|statement sent to|statement"
    r" to))[\s:\"'(>]*$",
    re.IGNORECASE,
)
_LISTED = re.compile(r",? (?:and|or|&) ")
"""Between two addresses of one list."""
_BETWEEN = "".join(letter for code in range(0x3001) if (letter := chr(code)).isspace()) + ":\"'(>"
_SAID_ENDS = (
    "address", "addresses", "same", "are", "is", "to", "was", ",", "following", "?", ";", "at", "in", "on", "with",
)  # fmt: skip
"""How every text that :data:`_SAID` matches ends, :data:`_BETWEEN` taken off."""
_NEAR = re.compile(
    r"[aAlLrRdDsSbBmMpP](?<!\w.)(?i:(?<=a)ddress(?:es)?|(?<=l)ive[sd]?|(?<=r)esid(?:es?|ing)|(?<=d)eliver\w*"
    r"|(?<=s)hip\w*|(?<=b)illing|(?<=m)ailing|(?<=p)ostal|(?<=l)ocated|(?<=m)oved)\b"
)
_HYPHENED = word_set("straße strasse str weg gasse platz allee ring damm ufer markt")
_BOX = re.compile(
    r"[pPCU](?<!\w.)(?:(?<=[Pp])\.? ?[Oo]\.? ?[Bb]ox [0-9]{1,6}(?![0-9])|(?<=P)ostfach [0-9]{2,6}"
    r"|(?:(?:SC|MR|nit) [0-9]{1,5},? Box [0-9]{1,5}|(?<=U)S(?:NS|S|NV|CGC) \w+)\s{1,3}[AFD]PO"
    r" A[AEP](?: [0-9]{5})?)"
)
_SECOND = re.compile(r" [0-9]{1,5}[a-zA-Z]?(?= )")
_YEAR = re.compile(r"(?:1[89]|20)[0-9]{2}")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Street:
    """A number and the words beside it."""

    start: int
    end: int
    evidence: int


def street_addresses(page: Page) -> Iterator[PiiMatch]:
    """Yield every address that has enough speaking for it."""
    text, done = page.text, -1
    boxes: set[int] = set()
    for match in _BOX.finditer(text):
        _, end = extended(text, match.end())
        boxes.update(range(match.start(), end))
        yield PiiMatch(type="STREET_ADDRESS", start=match.start(), end=end, score=0.85)
    for number in _NUMBER.finditer(text):
        if number.start() < done or number.start() in boxes:
            continue
        whole = [_whole(page, street, done) for street in _streets(text, number)]
        best = max(whole, key=lambda street: (street.evidence, street.end - street.start), default=None)
        if best is not None and best.evidence >= ENOUGH:
            done = best.end
            score = min(0.95, 0.5 + 0.1 * (best.evidence - 2))
            yield PiiMatch(type="STREET_ADDRESS", start=best.start, end=best.end, score=score)


def _whole(page: Page, street: _Street, last: int) -> _Street:
    """Return the street with what stands around it; ``last`` is where the previous address ended."""
    evidence, start = street.evidence, street.start
    more, end = extended(page.text, street.end)
    unit = unit_before(page.text, start)
    if unit is not None:
        start, evidence = unit, evidence + 2
    another = last >= 0 and _LISTED.fullmatch(page.text, last, start) is not None
    return _Street(start=start, end=end, evidence=evidence + more + (3 if another else _context(page, start)))


def _context(page: Page, start: int) -> int:
    before = page.before(start)
    if before.rstrip(_BETWEEN).lower().endswith(_SAID_ENDS) and _SAID.search(before):
        return 3
    return 1 if _NEAR.search(before) else 0


def _streets(text: str, number: re.Match[str]) -> Iterator[_Street]:
    """Yield the candidates of one number: it stands before the words, or behind them."""
    ahead = _ahead(text, number)
    if ahead is not None:
        yield ahead
    behind = _behind(text, number)
    if behind is not None:
        yield behind


def _plain(word: str) -> str:
    return word.casefold().rstrip(".")


def _compound(word: str) -> bool:
    low = word.casefold()
    if "-" in low and low.rsplit("-", 1)[1] in _HYPHENED:
        return True
    return low.endswith(COMPOUND_ENDS) and low not in {"str.", *COMPOUND_ENDS} and len(low) > 5


def _ahead(text: str, number: re.Match[str]) -> _Street | None:
    words: list[re.Match[str]] = []
    at = number.end()
    dotted = text.startswith(". ", at)
    at += dotted
    second = _SECOND.match(text, at)
    at = second.end() if second else at
    while len(words) < 7 and (word := _WORD.match(text, at)) is not None:
        plain = _plain(word["word"])
        if plain in NOT_IN_ADDRESSES and plain not in JOINING:
            break
        if plain in UNIT_WORDS and _COUNTED.match(text, word.end("word")):
            break
        small = word["word"][0].islower()
        first_kind = not words and plain in PREFIXES
        if small and not (first_kind or plain in JOINING or (words and plain in STRONG_SUFFIXES)):
            following = _WORD.match(text, word.end("word"))
            if not words or following is None or _plain(following["word"]) not in STRONG_SUFFIXES:
                break
        words.append(word)
        at = word.end("word")
        if word["word"].endswith(".") and len(plain) > 3 and plain not in STRONG_SUFFIXES:
            break
    while words and _plain(words[-1]["word"]) in JOINING and words[-1]["word"][0].islower():
        words.pop()
    if not words:
        return None
    street = _judged(text, number.start(), words)
    least = 3 if dotted else 2 if _plain(words[0]["word"]) in MONTHS else 0
    return street if street is not None and street.evidence >= least else None


def _judged(text: str, start: int, words: list[re.Match[str]]) -> _Street | None:
    plain = [_plain(word["word"]) for word in words]
    evidence, last = 0, min(len(words), 5) - 1
    if plain[0] in PREFIXES and len(words) > 1:
        evidence, last = (3 if plain[0] in SURE_PREFIXES else 2), min(len(words), 6) - 1
    for at in range(min(len(words), 6) - 1, -1, -1):
        if (at > 0 and plain[at] in STRONG_SUFFIXES) or _compound(words[at]["word"]):
            evidence, last = 3, max(at, last if evidence == 3 else at)
            break
        if at > 0 and plain[at] in WEAK_SUFFIXES and evidence < 2:
            evidence, last = 2, at
    if (
        evidence == 3
        and last + 1 < len(words)
        and plain[last + 1] in {"n", "s", "e", "w", "north", "south", "east", "west"}
    ):
        last += 1
    end = words[last].end("word")
    if words[last]["word"].endswith(".") and plain[last] not in STRONG_SUFFIXES:
        end -= 1
    trailing = _TRAILING.match(text, end)
    if trailing and trailing.group()[0] == " ":
        end = trailing.end() - (1 if trailing.group().endswith(".") else 0)
    return _Street(start=start, end=end, evidence=evidence)


def _word_start(text: str, end: int) -> int:
    """Return where the last word before ``end`` may begin: two blanks back, for marks such as "nr." between."""
    at = text.rfind(" ", 0, max(0, end - 2))
    at = text.rfind(" ", 0, max(0, at)) if end - at < 7 and at > 0 else at
    return max(0, end - 40, at - 1, text.rfind("\n", 0, end))


def _nothing_before(text: str, at: int) -> bool:
    """Return whether digits, or a word in lower case that no street holds, stand before: quicker than the pattern."""
    word = text[text.rfind(" ", max(0, at - 32), at - 1) + 1 : at - 1]
    if text[at - 1] != " ":
        return False
    return word.isdigit() or (
        word.isascii()
        and word.isalpha()
        and word.islower()
        and word != "nr"
        and not (word in JOINING or word in PREFIXES or word in STRONG_SUFFIXES)
    )


def _behind(text: str, number: re.Match[str]) -> _Street | None:
    """Return the street whose words stand before its number."""
    at = number.start()
    if at == 0 or text[at - 1] not in " ." or _nothing_before(text, at):
        return None
    if len(number.group()) > 9 or _YEAR.fullmatch(number.group()):
        return None
    words: list[re.Match[str]] = []
    while len(words) < 6:
        word = _WORD_BEFORE.search(text, _word_start(text, at), at)
        if word is None or "\x00" in word.group():
            break
        plain, small = _plain(word["word"]), word["word"][0].islower()
        known = plain in JOINING or plain in PREFIXES or plain in STRONG_SUFFIXES
        if (plain in NOT_IN_ADDRESSES and plain not in JOINING) or (small and not known):
            break
        if words and word.group().rstrip().endswith(","):
            break
        words.insert(0, word)
        at = word.start("word")
        if plain in SURE_PREFIXES:
            break
    while words and (_plain(words[0]["word"]) in JOINING and words[0]["word"][0].islower()):
        words.pop(0)
    if not words:
        return None
    plain_words = [_plain(word["word"]) for word in words]
    evidence = 0
    if plain_words[0] in PREFIXES and len(words) > 1:
        evidence = 3 if plain_words[0] in SURE_PREFIXES else 2
    elif len(words) > 1 and plain_words[-1] in STRONG_SUFFIXES and plain_words[-1] not in {"st", "dr", "ct", "ter"}:
        evidence = 3
    else:
        for index, word in enumerate(words):
            if _compound(word["word"]):
                words, evidence = words[max(0, index - 2) :], 3
                break
    end = number.end()
    without = words[-1].end("word")
    if evidence and extended(text, without)[1] > extended(text, end)[1]:
        end = without
    elif evidence and text.startswith(".", end) and extended(text, end + 1)[0] >= 2:
        end += 1
    start = words[0].start("word")
    lead = _LEADING.search(text, max(0, start - 8), start)
    return _Street(start=lead.start() if lead else start, end=end, evidence=evidence)
