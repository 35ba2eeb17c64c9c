"""Which of many texts could wear a disguise: what each way to hide cannot do without, looked for in all at once.

A sign is necessary, never enough: a text without one is left alone by every step of ``disguises``, so that ordinary
text costs one scan. Law: a text that ``disguises`` changes has a sign.
"""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence

from gatekeeper.gates.data.reading.decoding import INVISIBLE, LOOKALIKES

DIGITS = {
    "zero": "0", "oh": "0", "nought": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6",
    "seven": "7", "eight": "8", "nine": "9", "null": "0", "ten": "10", "eleven": "11", "twelve": "12",
    "thirteen": "13", "fourteen": "14", "fifteen": "15", "sixteen": "16", "seventeen": "17", "eighteen": "18",
    "nineteen": "19",
}  # fmt: skip
TENS = {
    word: str(value)
    for value, word in enumerate(["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"], 2)
}
REPEATS = {"double": 2, "triple": 3}
NUMBER_WORD = "|".join([*TENS, *sorted(DIGITS, key=len, reverse=True), *REPEATS])
BETWEEN = r"[\s,.\-–/]{1,3}"


def ordinary(letter: str) -> str:
    """Return the ordinary form of one character: digits, dashes and compatibility forms folded."""
    if letter.isdecimal():
        return str(unicodedata.decimal(letter))
    if unicodedata.category(letter) == "Pd" or letter == "\u2212":
        return "-"
    return unicodedata.normalize("NFKC", letter)


def _themselves() -> Iterator[str]:
    """Yield the Latin letters and quotation marks beyond ASCII that hide nothing.

    Those that change their length in lower case, or that a pattern takes for another letter, are left out.
    """
    for code in (*range(0x80, 0x250), *range(0x2018, 0x2020), 0x20AC):
        letter = chr(code)
        plain = ordinary(letter) == letter and not INVISIBLE.match(letter) and code not in LOOKALIKES
        if plain and len(letter.lower()) == 1 and letter != "\u0131":
            yield letter


_STRANGE = re.compile(rf"[^\x00-\x7f{''.join(_themselves())}]")
"""A character that has another form, or that no eye sees."""
_BREAK = "\n\x00\n"
_MARK = r"(?![ \-][0-9])[^\w=+*%<>$€£\x00]{1,3}|_{1,2}"
_BESIDE = r"[^A-HJ-NP-Za-hjkmnp-z]"
"""What stands before a letter among digits: no other letter of the kinds that are no digit."""
_AS_WRITTEN = re.compile(
    rf"[0-9](?=[^0-9]|(?<=[OoIl| \-].))(?:[ \-]?[OoIl|]+(?![A-Za-z])|(?<={_BESIDE}[OoIl|].)"
    rf"|(?<={_BESIDE}[OoIl|][ \-].)"
    rf"|(?<=[0-9]{{3}})(?P<ssn>{_MARK})[0-9]{{2}}(?P=ssn)[0-9]{{4}}"
    rf"|(?<=[0-9]{{3}})(?!\.[0-9])(?P<phone>{_MARK})[0-9]{{3}}(?P=phone)[0-9]{{4}}"
    rf"|(?<=[0-9]{{4}})(?P<card>{_MARK})(?:[0-9]{{6}}(?P=card)[0-9]{{5}}|(?:[0-9]{{4}}(?P=card)){{2}}[0-9]{{3}})"
    rf"|(?P<one>{_MARK})(?:[0-9](?P=one)){{7}}[0-9])"
)
"""Letters that stand for digits, and groups of digits with a mark between that people do not write there."""
_SPELLED = re.compile(rf"(?:{NUMBER_WORD}){BETWEEN}(?:{NUMBER_WORD}|[0-9]{{1,4}}){BETWEEN}(?:{NUMBER_WORD}|[0-9])")
_SIGN_WORDS = re.compile(r"[\[({<]\s?(?:at|dot)\s?[\])}>]| dot ")
_NUMBER_WORDS = frozenset(NUMBER_WORD.encode().split(b"|"))
_BLANKED = bytes(code if chr(code).isalnum() or code == ord("_") else ord(" ") for code in range(128)) + b" " * 128


def _says_numbers(lower: str) -> bool:
    """Return whether a number as a word comes before two more, or before digits: quicker than the pattern."""
    words = lower.encode("ascii", "replace").translate(_BLANKED).split()
    if _NUMBER_WORDS.isdisjoint(words):
        return False
    numbers = [word in _NUMBER_WORDS for word in words]
    return any(
        said and all(word in _NUMBER_WORDS or word.isdigit() for word in words[at + 1 : at + 3])
        for at, said in enumerate(numbers)
    )


def disguise_signs(texts: Sequence[str]) -> list[int]:
    """Return which texts show a sign, ascending."""
    joined = _BREAK + _BREAK.join(texts)
    found = [match.start() for match in _STRANGE.finditer(joined)] if not joined.isascii() else []
    lower = joined.lower()
    if len(lower) != len(joined):
        lower = "".join(low if len(low := letter.lower()) == 1 else letter for letter in joined)
    found += [match.start() for match in _AS_WRITTEN.finditer(joined)]
    found += [match.start() for match in _SIGN_WORDS.finditer(lower)]
    if _says_numbers(lower):
        found += [match.start() for match in _SPELLED.finditer(lower)]
    if not found:
        return []
    starts, at = [], len(_BREAK)
    for text in texts:
        starts.append(at)
        at += len(text) + len(_BREAK)
    return sorted({bisect_right(starts, place) - 1 for place in found})
