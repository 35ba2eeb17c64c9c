"""How surprising a text's letters are, in bits a letter, to somebody who reads several languages.

Each language of ``ordinary_text.txt`` gives a table of which letter follows which, smoothed by the table of its whole
script; the language that fits best counts. Accents are taken off first. Scripts without a table (Chinese, Arabic,
Hindi, ...) are not measured: their letters are surprising by nature.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt

_ALPHABETS = {
    "Latin": "abcdefghijklmnopqrstuvwxyz",
    "Cyrillic": "абвгдежзийклмнопрстуфхцчшщъыьэюяєіїґ",
    "Greek": "αβγδεζηθικλμνξοπρστυφχψω",
}
_LAST = 0x600
"""The first code point past every alphabet."""
_SECTION = re.compile(r"^\[(\w+)\]$", re.MULTILINE)
_OWN, _SCRIPT, _EVEN = 0.75, 0.2, 0.05
"""Shares of the language's own table, of its script's, and of even chances."""
_SPECIAL = str.maketrans(
    {"ß": "ss", "ø": "o", "ł": "l", "đ": "d", "æ": "ae", "œ": "oe", "ı": "i", "ς": "σ", "þ": "th"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Surprise:
    """What a text's letters cost."""

    bits: float
    """Mean bits a letter under the best language, given the letter before; NaN where nothing could be measured."""
    letters: int
    """Letters measured."""
    script: str
    """Whose table was used; empty for none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tables:
    index: npt.NDArray[np.uint8]
    """Place of each code point below :data:`_LAST` in the alphabet, from 1; 0 for all that is none of its letters."""
    size: int
    costs: npt.NDArray[np.float64]
    """(languages, size * size): bits of each pair; 0 where the second is no letter."""


@lru_cache(maxsize=64)
def surprise_of(text: str) -> Surprise:
    """Return how surprising a text's letters are; the last few answers are remembered, since several tests ask."""
    plain = _folded(text)
    if plain.isascii():
        script, tables = "Latin", _tables()["Latin"]
        places = tables.index[np.frombuffer(plain.encode("ascii"), dtype=np.uint8)].astype(np.intp)
    else:
        points = np.frombuffer(plain.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
        points = np.where(points < _LAST, points, 0)
        shown = {script: tables.index[points] for script, tables in _tables().items()}
        script = max(shown, key=lambda name: int(np.count_nonzero(shown[name])))
        places, tables = shown[script].astype(np.intp), _tables()[script]
    letters = int(np.count_nonzero(places[1:]))
    if not letters:
        return Surprise(bits=float("nan"), letters=0, script="")
    pairs = np.bincount(places[:-1] * tables.size + places[1:], minlength=tables.size**2)
    bits = float((tables.costs @ pairs).min()) / letters
    return Surprise(bits=bits, letters=letters, script=script)


def _folded(text: str) -> str:
    lower = text.lower()
    if lower.isascii():
        return lower
    bare = unicodedata.normalize("NFD", lower.translate(_SPECIAL))
    return unicodedata.normalize("NFC", "".join(letter for letter in bare if not "\u0300" <= letter <= "\u036f"))


@cache
def _tables() -> dict[str, _Tables]:
    samples = dict(_samples())
    tables = {}
    for script, alphabet in _ALPHABETS.items():
        index = np.zeros(_LAST, dtype=np.uint8)
        for place, letter in enumerate(alphabet, start=1):
            index[ord(letter)] = place
        size = len(alphabet) + 1
        counts = {}
        for language, sample in samples.items():
            places = index[[ord(letter) if ord(letter) < _LAST else 0 for letter in sample]].astype(np.intp)
            if np.count_nonzero(places) > 0.5 * len(places):
                counts[language] = np.bincount(places[:-1] * size + places[1:], minlength=size**2).reshape(size, size)
        tables[script] = _Tables(index=index, size=size, costs=_costs(list(counts.values()), size))
    return tables


def _costs(counts: list[npt.NDArray[np.int64]], size: int) -> npt.NDArray[np.float64]:
    """Return bits of each pair under each language; the first column, where no letter follows, is free."""
    whole = np.sum(counts, axis=0)

    def chances(count: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        rows = count[:, 1:].sum(axis=1, keepdims=True)
        shares: npt.NDArray[np.float64] = np.divide(count[:, 1:], rows, out=np.zeros((size, size - 1)), where=rows > 0)
        return shares

    even = 1.0 / (size - 1)
    costs = []
    for count in counts:
        mixed = _OWN * chances(count) + _SCRIPT * chances(whole) + _EVEN * even
        costs.append(np.hstack([np.zeros((size, 1)), -np.log2(mixed)]).ravel())
    return np.array(costs)


def _samples() -> Iterator[tuple[str, str]]:
    text = files(__package__).joinpath("ordinary_text.txt").read_text(encoding="utf-8")
    parts = _SECTION.split(text)
    for language, sample in zip(parts[1::2], parts[2::2], strict=True):
        yield language, _folded(sample)
