"""What a content test hands back: one row, one test, one reason."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Flag:
    """One row that one test would keep out."""

    place: int
    """Position of the row in the sequence tested, from 0."""
    test: str
    """``harmful-answer``, ``injection``, ``cipher``, ``packed-text`` or ``dense-gradient``."""
    reason: str
    """What was seen, in words; holds at most a few words of the row."""
