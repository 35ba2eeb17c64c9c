"""Making text from an update safe to look at.

A template, a row id or a model's reply may hold characters that hide or reorder what follows (bidirectional
overrides, zero-width letters, terminal escapes). They are written as ``‹U+202E›``, so that a reviewer sees what a
machine would read.
"""

import unicodedata

_KEPT = frozenset("\n\t")
_HIDDEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
LONGEST = 2000
"""Characters of one text a report shows; the evidence keeps all of it."""


def visible(text: str, *, longest: int = LONGEST) -> str:
    """Return ``text`` with invisible characters named, cut after ``longest`` characters.

    Law: the result holds no character of the Unicode categories Cc (but newline and tab), Cf, Cs, Co, Cn, Zl, Zp.
    """
    shown = "".join(_name(letter) for letter in text[:longest])
    return shown if len(text) <= longest else f"{shown} … ({len(text) - longest} more characters)"


def one_line(text: str, *, longest: int = LONGEST) -> str:
    """Return :func:`visible` text with every run of white space as one blank."""
    return " ".join(visible(text, longest=longest).split())


def _name(letter: str) -> str:
    if letter in _KEPT or unicodedata.category(letter) not in _HIDDEN:
        return letter
    return f"‹U+{ord(letter):04X}›"
