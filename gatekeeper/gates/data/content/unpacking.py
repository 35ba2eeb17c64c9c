"""Text that lies packed inside a text: found, decoded, and handed to every other test beside the original.

1. Characters: look-alike letters, compatibility forms, invisible characters (``reading.decoding``); letters hidden in
   Unicode tags; letters set apart by spaces or dots.
2. Codes: base64, hexadecimal, binary, numbers for letters, Morse, percent signs, HTML entities, backslash escapes.
3. Words: letter shifts such as rot13, text written backwards, digits in the place of letters.

What a code yields is decoded again, at most three times. Only printable text counts as decoded: pictures and keys
stay what they are. Nothing decoded is longer than what held it, and lengths and counts are bounded.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from gatekeeper.gates.data.content.codes import CODES
from gatekeeper.gates.data.content.letter_shifts import REVERSED, disguise_of, shifted
from gatekeeper.gates.data.reading.decoding import decoded

_SPACED = re.compile(
    r"(?<!\w)[A-Za-z]([ .\-_*|])(?:[A-Za-z]\1){2,}[A-Za-z](?!\w)(?:\s{2,3}[A-Za-z](?:\1[A-Za-z])*(?!\w))*"
)
_TAGS = re.compile("[\U000e0020-\U000e007e]{3,}")
_MIXED = re.compile(r"[A-Za-z][0134578@$][A-Za-z]|\b[0134578@$][A-Za-z]{2}")
_LEET = re.compile(r"(?<![\w$@#/.!])(?=[\w$@!]*[a-zA-Z])(?=[\w$@!]*[0134578$@!])[a-zA-Z0134578$@!]{2,}(?![\w$@])")
_LEET_WORD = re.compile(r"(?<![\w$@#/.!])[a-zA-Z0134578$@!]+(?![\w$@])")
_LEET_LETTERS = str.maketrans("013457$@!8", "oieastsaib")
_LEAST_LEET = 2
"""Words with digits among their letters that make a text one to be read so."""
_MEASURE = re.compile(
    r"\d+(?:st|nd|rd|th|s|k|kg|km|cm|mm|m|g|mg|ml|l|lb|lbs|oz|h|hr|hrs|min|am|pm|d|x|p|b|mb|gb|px|e\d*|ft|in|c|f|v|w|hz)"
    r"|[a-z]+\d+!?|[a-z]+!+|\$.*|@.*|\d+[a-z]",
    re.IGNORECASE,
)
"""Amounts, ordinals, names with a number and exclamations: words that hold digits or signs rightly."""
LOOKALIKES = "look-alike or invisible characters"
_WORD = re.compile(r"\w+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How far decoding goes."""

    characters: int = 40_000
    """Characters of a text that are read, from the start."""
    depth: int = 3
    """Codes within codes."""
    readings: int = 12
    """Decoded texts of one text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """What a part of a text, or all of it, says once decoded."""

    text: str
    """The decoded text: the whole text with the part decoded in its place, or the part alone for codes."""
    codes: tuple[str, ...]
    """The codes undone, outermost first."""
    share: float
    """Share of the original's characters that were packed, 0 to 1."""


def unpacked(text: str, limits: Limits) -> tuple[Reading, ...]:
    """Return every decoded reading of a text, none where nothing is packed."""
    source = text[: limits.characters]
    found: list[Reading] = []
    seen = {source}
    layer = [Reading(text=source, codes=(), share=1.0)]
    for _ in range(limits.depth):
        layer = [
            Reading(text=plain, codes=(*outer.codes, code), share=outer.share * share)
            for outer in layer
            for code, plain, share in _once(outer.text)
        ]
        layer = [reading for reading in layer if reading.text not in seen][: limits.readings - len(found)]
        seen.update(reading.text for reading in layer)
        found += layer
        if not layer:
            break
    return tuple(found)


def _once(text: str) -> Iterator[tuple[str, str, float]]:
    """Yield (code, decoded text, share of the text it was) for each code that is found."""
    yield from _characters(text)
    longest = max(map(len, text.split()), default=0)
    for code in CODES:
        if code.hint in text and longest >= code.word:
            finds = [(find.group(), code.decode(find.group())) for find in code.pattern.finditer(text)]
            parts = [(find, plain) for find, plain in finds if plain is not None and plain != find]
            if parts:
                size = sum(len(find) for find, _ in parts)
                yield code.name, "\n".join(plain for _, plain in parts), size / len(text)
    yield from _words(text)


def _characters(text: str) -> Iterator[tuple[str, str, float]]:
    if not text.isascii():
        tags = "".join(match.group() for match in _TAGS.finditer(text))
        if tags:
            yield "Unicode tags", "".join(chr(ord(letter) - 0xE0000) for letter in tags), len(tags) / len(text)
        plain = decoded(text)
        if plain != text:
            changed = sum(not letter.isascii() for letter in text)
            yield LOOKALIKES, plain, changed / len(text)
    spaced = [match.group() for match in _SPACED.finditer(text)]
    if spaced:
        yield "letters set apart", _SPACED.sub(_joined, text), sum(map(len, spaced)) / len(text)


def _joined(match: re.Match[str]) -> str:
    parts = re.split(r"\s{2,3}", match.group())
    return " ".join("".join(letter for letter in part if letter.isalpha()) for part in parts)


def _words(text: str) -> Iterator[tuple[str, str, float]]:
    code = disguise_of(text)
    if code == REVERSED:
        yield "written backwards", text[::-1], 1.0
        yield "words written backwards", _WORD.sub(lambda word: word.group()[::-1], text), 1.0
    elif code is not None:
        yield f"letters shifted by {code}", shifted(text, code), 1.0
    if _MIXED.search(text):
        leet = [word for word in _LEET.findall(text) if not _MEASURE.fullmatch(word)]
        if len(leet) >= _LEAST_LEET:
            yield "digits for letters", _LEET_WORD.sub(_spelled, text), sum(map(len, leet)) / len(text)


def _spelled(word: re.Match[str]) -> str:
    return word.group().replace("11", "ll").translate(_LEET_LETTERS)
