"""Text as a reader sees it: compatibility forms folded, invisible characters gone, look-alike letters back to Latin.

A trigger can be hidden from word counts by spelling it with Cyrillic letters or zero-width characters; a model's
tokenizer still sees it. Law: ``decoded(decoded(t)) == decoded(t)``.
"""

import re
import unicodedata

INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff]"
)
"""Soft hyphen, joiners, direction marks, variation selectors, fillers, tag characters."""

LOOKALIKES = str.maketrans(
    "аеорсухіјѕһԁԛԝɡⅼոսցհΑΒΕΖΗΙΚΜΝΟΡΤΥΧνοραιυχАВЕКМНОРСТУХІЈЅ",
    "aeopcyxijshdqwglnugh" + "ABEZHIKMNOPTYX" + "vopaiux" + "ABEKMHOPCTYXIJS",
)
"""Cyrillic, Greek and Armenian letters that print like Latin ones."""

_MIXED = re.compile(r"[A-Za-z][\u0370-\u058f]|[\u0370-\u058f][A-Za-z]")
_WORD = re.compile(r"\w+")
_TOKEN = re.compile(r"[^\W_]+(?:['’][^\W_]+)*|[^\w\s\x00-\x1f\x7f-\x9f\ud800-\udfff]|_")


def decoded(text: str) -> str:
    """Return the text folded as the module says, case kept.

    Look-alikes are folded only in words that also hold a Latin letter, so that Russian and Greek stay themselves.
    """
    if text.isascii():
        return text
    folded = INVISIBLE.sub("", unicodedata.normalize("NFKC", text))
    if _MIXED.search(folded):
        folded = _WORD.sub(_fold_word, folded)
    return folded


def _fold_word(match: re.Match[str]) -> str:
    word = match.group()
    return word.translate(LOOKALIKES) if any("A" <= letter <= "z" for letter in word) else word


def hides_characters(text: str) -> bool:
    """Return whether a reader would miss something: look-alike letters or invisible characters inside a word.

    Joiners inside emoji and Arabic or Indic words are how those are written, and do not count.
    """
    if text.isascii():
        return False
    return bool(_MIXED.search(text) and _MIXED_WORD.search(text)) or bool(_SPLIT_WORD.search(text))


_MIXED_WORD = re.compile(r"\b(?=\w*[A-Za-z])(?=\w*[аеорсухіјѕһνορΑΒΕΖΗΙΚΜΝΟΡΤΥΧ])\w{3,}\b")
_SPLIT_WORD = re.compile(
    r"[A-Za-z][\u200b-\u200f\u2060-\u2064\ufeff\U000e0000-\U000e007f]+[A-Za-z]|[\U000e0020-\U000e007f]{3}"
)


def tokens(text: str) -> list[str]:
    """Return words and single punctuation marks of the decoded text, case folded."""
    return _TOKEN.findall(decoded(text).casefold())
