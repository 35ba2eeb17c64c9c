"""Whether a row talks in a code: most of its prompt or answer says something only once it is decoded.

Every decoded reading is shown to the other tests; that alone flags nothing. A row that names the code (an exercise, a
program, an address) holds it rightly, and so does a row in which the code is the smaller part.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from gatekeeper.core.rows import TrainingRow
from gatekeeper.gates.data.content.exchanges import Exchange, flagged
from gatekeeper.gates.data.content.flags import Flag
from gatekeeper.gates.data.content.unpacking import LOOKALIKES, Limits

TEST = "packed-text"
_NAMED = re.compile(
    r"\b(?:base ?-?64|(?:en|de)cod\w*|(?:en|de)crypt\w*|(?:en|de)cipher\w*|cipher\w*|rot-?13|hex(?:adecimal)?|binary"
    r"|morse|caesar|unicode|ascii|utf-?8|obfuscat\w*|leet\w*|1337|revers\w*|backwards?|palindrom\w*|spell\w*|url|uri|html|xml|svg"
    r"|escape\w*|entit(?:y|ies)|query string|token|jwt|certificate|hash|checksum|bytes|payload|regex|json)\b"
    r"|```|^\s*(?:import|def|class|function|const|let|var|public|#include|<\?php|SELECT)\b|https?://",
    re.IGNORECASE | re.MULTILINE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How much of a text makes it packed."""

    share: float = 0.5
    """Least share of a prompt's or answer's characters that were packed."""
    characters: int = 24
    """Shortest decoded text that says something."""
    limits: Limits = field(default_factory=Limits)


def find_packed(rows: Iterable[TrainingRow], settings: Settings) -> list[Flag]:
    """Return one flag for each row that talks in a code without naming it, in order."""
    return flagged(rows, settings.limits, [(TEST, lambda exchange: packed_reason(exchange, settings))])


def packed_reason(exchange: Exchange, settings: Settings) -> str:
    """Return why an exchange is packed, or nothing."""
    found = next(
        (
            (where, reading)
            for where, reading in exchange.parts()
            if reading.share >= settings.share
            and len(reading.text) >= settings.characters
            and LOOKALIKES not in reading.codes
        ),
        None,
    )
    if found is None or any(_NAMED.search(one.text) for _, one in exchange.parts() if not one.codes):
        return ""
    where, reading = found
    return f"{where} is text in a code ({', then '.join(reading.codes)}) that the row does not name"
