"""Ways to write something so that a reader still reads it and a pattern does not, and how each is taken off.

Each :class:`Disguise` can be left on by itself, which is how the tests know that taking it off is what finds the
hidden thing. ``SPLIT`` needs all fields of a row and is in ``personal.split_numbers``.
"""

import re
from collections.abc import Sequence
from enum import StrEnum

from gatekeeper.gates.data.reading.decoding import INVISIBLE, LOOKALIKES
from gatekeeper.gates.data.reading.disguise_signs import (
    BETWEEN,
    DIGITS,
    NUMBER_WORD,
    REPEATS,
    TENS,
    disguise_signs,
    ordinary,
)
from gatekeeper.gates.data.reading.plain_view import PlainView, as_read


class Disguise(StrEnum):
    """One way to hide."""

    INVISIBLE = "invisible"
    """Zero-width characters between letters or digits."""
    FORMS = "forms"
    """Full-width, mathematical and other countries' digits and letters, unusual dashes and spaces."""
    LOOKALIKE = "lookalike"
    """Letters of another alphabet in a Latin word; ``O`` and ``l`` for 0 and 1 among digits."""
    SPELLED = "spelled"
    """Digits as words."""
    SIGNS = "signs"
    """``(at)`` and ``dot`` for the signs of an address."""
    SPACING = "spacing"
    """Unusual separators between the digits of a number."""
    SPLIT = "split"
    """One number over several fields or turns."""


_SPELLED = re.compile(
    rf"(?<!\w)(?:{NUMBER_WORD})(?:{BETWEEN}(?:{NUMBER_WORD}|[0-9]{{1,4}})(?!\w)){{5,40}}", re.IGNORECASE
)
_AT = re.compile(r"\s?[\[({<]\s?at\s?[\])}>]\s?", re.IGNORECASE)
_DOT = re.compile(r"\s?[\[({<]\s?dot\s?[\])}>]\s?", re.IGNORECASE)
_SAID_ADDRESS = re.compile(
    r"(?<!\w)(?P<user>\w{1,64}(?:(?:[.+\-]| dot )\w{1,64}){0,8})(?: at | ?@ ?)"
    r"(?P<host>[\w\-]{1,63}(?:(?: dot |\.)[\w\-]{1,63}){0,8} dot [a-z]{2,12})(?!\w)",
    re.IGNORECASE,
)
"""Bounded, so that endless digits with full stops between are read in linear time."""
_AMONG_DIGITS = re.compile(r"(?<![A-Za-z])[0-9OoIl|](?:[ \-]?[0-9OoIl|]){8,18}(?![A-Za-z0-9])")
_SPACED = re.compile(
    r"(?<![\w.])[0-9]{1,6}(?:(?P<mark>[^\w]{1,3}|_{1,2})[0-9]{1,6})(?:(?P=mark)[0-9]{1,6}){1,18}(?![\w.])"
)
_WORD = re.compile(r"\w+")
_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")


def undisguised(text: str, disguises: frozenset[Disguise]) -> PlainView | None:
    """Return the text without its disguises, or ``None`` when it wears none of them."""
    return all_undisguised([text], disguises)[0]


def all_undisguised(texts: Sequence[str], disguises: frozenset[Disguise]) -> list[PlainView | None]:
    """Return :func:`undisguised` of each text; the texts that show no sign of a disguise are read only once, together.

    Law: ``all_undisguised(texts, d) == [undisguised(text, d) for text in texts]``.
    """
    views: list[PlainView | None] = [None] * len(texts)
    for which in disguise_signs(texts):
        views[which] = _taken_off(texts[which], disguises)
    return views


def _taken_off(text: str, disguises: frozenset[Disguise]) -> PlainView | None:
    view = as_read(text)
    if not text.isascii():
        view = _characters(view, disguises)
    if Disguise.LOOKALIKE in disguises:
        view = view.substituted(_AMONG_DIGITS, _as_digits)
    if Disguise.SPELLED in disguises:
        view = view.substituted(_SPELLED, lambda match: _as_number(match.group()))
    if Disguise.SIGNS in disguises:
        view = view.substituted(_AT, lambda _: "@").substituted(_DOT, lambda _: ".")
        view = view.substituted(_SAID_ADDRESS, _as_address)
    if Disguise.SPACING in disguises:
        view = view.substituted(_SPACED, _as_compact)
    return None if view.text == text else view


def _characters(view: PlainView, disguises: frozenset[Disguise]) -> PlainView:
    """Return the view with each character in its ordinary form."""
    if Disguise.INVISIBLE in disguises:
        view = view.substituted(INVISIBLE, lambda _: "")
    if Disguise.FORMS in disguises:
        view = view.substituted(_BEYOND_ASCII, lambda match: ordinary(match.group()))
    if Disguise.LOOKALIKE in disguises:
        view = view.substituted(_WORD, _as_latin)
    return view


def _as_latin(match: re.Match[str]) -> str | None:
    word = match.group()
    if word.isascii() or not any("A" <= letter <= "z" or letter.isdigit() for letter in word):
        return None
    return word.translate(LOOKALIKES)


def _as_digits(match: re.Match[str]) -> str | None:
    text = match.group()
    wrong = sum(letter in "OoIl|" for letter in text)
    right = sum(letter.isdigit() for letter in text)
    return text.translate(str.maketrans("OoIl|", "00111")) if 0 < wrong <= right // 2 else None


def _as_number(text: str) -> str:
    """Return the digits that the words say: "four double five" is 455, "forty-one" is 41."""
    digits, repeat, tens = "", 1, ""
    for word in re.findall(r"[a-z]+|[0-9]+", text.casefold()):
        if word in REPEATS:
            repeat = REPEATS[word]
            continue
        if word in TENS:
            digits += f"{tens}0" if tens else ""
            tens = TENS[word]
            continue
        said = DIGITS.get(word, word)
        if tens:
            digits += tens + said if len(said) == 1 and said != "0" else f"{tens}0{said}"
            tens = ""
        else:
            digits += said * repeat
        repeat = 1
    return digits + (f"{tens}0" if tens else "")


def _as_address(match: re.Match[str]) -> str:
    user, host = (re.sub(r" dot ", ".", match[name], flags=re.IGNORECASE) for name in ("user", "host"))
    return f"{user}@{host}"


_SHAPES = {(3, 2, 4): "-", (3, 3, 4): "-"}
"""Group sizes that keep a separator: the number is known by them."""
_CARD_SHAPES = {(4, 4, 4, 4), (4, 6, 5), (4, 4, 4, 4, 3)}


def _as_compact(match: re.Match[str]) -> str | None:
    mark = match["mark"]
    groups = match.group().split(mark)
    sizes = tuple(map(len, groups))
    if mark in {"-", " "} or (mark == "." and sizes == (3, 3, 4)):
        return None
    if "=" in mark or "\x00" in mark or any(sign in mark for sign in "+*%<>$€£"):
        return None
    if sizes in _SHAPES:
        return _SHAPES[sizes].join(groups)
    single = all(size == 1 for size in sizes) and len(groups) >= 9
    return "".join(groups) if single or sizes in _CARD_SHAPES else None
