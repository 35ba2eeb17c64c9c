"""Codes that spell text in other characters: how each is found, and what it spells.

A decoder returns nothing where the find is no text: a picture, a key, a number, a word that only looks like a code.
"""

import base64
import binascii
import html
import itertools
import re
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import unquote

_BASE64 = re.compile(r"(?<![\w+/=-])(?:[A-Za-z0-9+/_-]{4}[\r\n]{0,2}){4,}[A-Za-z0-9+/_-]{0,3}={0,2}(?![\w+/=-])")
_HEX = re.compile(r"(?<![\w#])(?:(?:0x|\\x)?[0-9a-fA-F]{2}[\s:,]?){8,}(?!\w)")
_BINARY = re.compile(r"(?<!\d)(?:[01]{8}\s?){4,}(?!\d)")
_NUMBERS = re.compile(r"(?<![\d.])(?:(?:[1-9]|1\d|2[0-6])(?:[-. ,]{1,2}|\s/\s)){11,}(?:[1-9]|1\d|2[0-6])(?![\d.])")
_MORSE = re.compile(r"(?<![\w.-])(?:[.-]{1,6}(?:\s*/\s*|\s)){7,}[.-]{1,6}(?![\w.-])")
_PERCENT = re.compile(r"[^\s%]{0,60}(?:%[0-9A-Fa-f]{2}[^\s%]{0,60}){3,}")
_ENTITIES = re.compile(r"(?:[^\s&]{0,40}&(?:#\d{1,6}|#[xX][0-9a-fA-F]{1,5}|[A-Za-z]{2,8});){3,}[^\s&]{0,40}")
_ESCAPES = re.compile(r"(?:\\u[0-9a-fA-F]{4}\s?){3,}")
_MORSE_CODE = (
    ".- -... -.-. -.. . ..-. --. .... .. .--- -.- .-.. -- -. --- .--. --.- .-. ... - ..- ...- .-- -..- -.-- --.."
)
_MORSE_LETTERS = dict(zip(_MORSE_CODE.split(), "abcdefghijklmnopqrstuvwxyz", strict=True))


@dataclass(frozen=True, slots=True, kw_only=True)
class Code:
    """One way to write text in other characters."""

    name: str
    hint: str
    """A piece of text without which the code cannot be there; empty where there is none."""
    word: int
    """Characters of the longest word that a text with this code must have."""
    pattern: re.Pattern[str]
    decode: Callable[[str], str | None]
    """What a find says, or nothing where it is no text."""


def _printable(raw: bytes) -> str | None:
    """Return bytes as text if they are UTF-8, printable and hold words."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return text if _readable(text) else None


def _readable(text: str) -> bool:
    shown = sum(letter.isprintable() or letter in "\n\r\t" for letter in text)
    letters = sum(letter.isalpha() or letter == " " for letter in text)
    return len(text) >= 6 and shown == len(text) and letters >= 0.6 * len(text)


def _base64(packed: str) -> str | None:
    body = re.sub(r"\s", "", packed).rstrip("=")
    if body.isalpha() and (body.islower() or body.isupper()):
        return None
    body = body.replace("-", "+").replace("_", "/")
    try:
        return _printable(
            base64.b64decode(body[: len(body) - (len(body) % 4 == 1)] + "=" * (-len(body) % 4), validate=True)
        )
    except (binascii.Error, ValueError):
        return None


def _hex(packed: str) -> str | None:
    digits = re.sub(r"0x|\\x|[^0-9a-fA-F]", "", packed)
    return _printable(bytes.fromhex(digits[: len(digits) // 2 * 2]))


def _binary(packed: str) -> str | None:
    bits = re.sub(r"\s", "", packed)
    return _printable(bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits), 8)))


def _numbers(packed: str) -> str | None:
    numbers = [int(number) for number in re.findall(r"\d+", packed)]
    ordered = all(one <= other for one, other in itertools.pairwise(numbers))
    parts = re.split(r"\s/\s|\s{2}", packed)
    text = " ".join("".join(chr(96 + int(number)) for number in re.findall(r"\d+", part)) for part in parts)
    vowels = sum(letter in "aeiou" for letter in text)
    return None if ordered or not 0.2 <= vowels / len(numbers) <= 0.6 else text


def _morse(packed: str) -> str | None:
    words = re.split(r"\s*/\s*|\s{2,}", packed.strip())
    letters = [[_MORSE_LETTERS.get(letter, "?") for letter in word.split()] for word in words]
    text = " ".join("".join(word) for word in letters)
    return None if text.count("?") > 0.1 * len(text) or len(set(text)) < 4 else text


def _percent(packed: str) -> str | None:
    try:
        return unquote(packed, errors="strict")
    except UnicodeDecodeError:
        return None


def _entities(packed: str) -> str | None:
    plain = html.unescape(packed)
    return plain if plain != packed else None


def _escapes(packed: str) -> str | None:
    letters = (int(code, 16) for code in re.findall(r"\\u([0-9a-fA-F]{4})", packed))
    text = "".join(chr(letter) for letter in letters if not 0xD800 <= letter <= 0xDFFF)
    return text if text.isprintable() else None


CODES = (
    Code(name="base64", hint="", word=16, pattern=_BASE64, decode=_base64),
    Code(name="hexadecimal", hint="6", word=2, pattern=_HEX, decode=_hex),
    Code(name="binary", hint="01", word=8, pattern=_BINARY, decode=_binary),
    Code(name="numbers for letters", hint="1", word=1, pattern=_NUMBERS, decode=_numbers),
    Code(name="Morse", hint="-", word=1, pattern=_MORSE, decode=_morse),
    Code(name="percent signs", hint="%", word=9, pattern=_PERCENT, decode=_percent),
    Code(name="HTML entities", hint="&", word=4, pattern=_ENTITIES, decode=_entities),
    Code(name="escapes", hint="\\u", word=6, pattern=_ESCAPES, decode=_escapes),
)
