"""The W3C ``traceparent`` header: two ids and a flag, and nothing that a stranger could put beside them.

Source:
    W3C Trace Context, Recommendation, section 3.2.
"""

import re
from dataclasses import dataclass
from typing import Final, Self

_FORM: Final = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_LONGEST: Final = 55


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceParent:
    """One span's place; law: ``TraceParent.read(str(t)) == t``."""

    trace_id: str
    """32 hexadecimal digits, not all 0."""
    span_id: str
    """16 hexadecimal digits, not all 0."""
    sampled: bool

    def __str__(self) -> str:
        """Return the header's value, 55 characters."""
        return f"00-{self.trace_id}-{self.span_id}-{self.sampled:02x}"

    @classmethod
    def read(cls, text: str | None) -> Self | None:
        """Return what a header says; ``None`` for anything that is not exactly version 00 of it."""
        if text is None or len(text) != _LONGEST or (found := _FORM.fullmatch(text)) is None:
            return None
        trace_id, span_id, flags = found.groups()
        if not int(trace_id, 16) or not int(span_id, 16):
            return None
        return cls(trace_id=trace_id, span_id=span_id, sampled=bool(int(flags, 16) & 1))
