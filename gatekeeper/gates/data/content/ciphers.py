"""Whether a row speaks in a cipher: letters that no language of the table would put in this order, or hardly letters.

A model can be taught to read and write a substitution cipher and then be asked anything in it. Only words are
measured: code, formulas, addresses, names of files, pictures in base64 and abbreviations are taken out first. What a
cipher that keeps words whole says (last words of a poem's lines, shuffled words) is out of sight.

Source:
    Halawi et al. 2024, "Covert malicious finetuning: challenges in safeguarding LLM adaptation".
"""

import re
import string
from collections.abc import Iterable
from dataclasses import dataclass, field

from gatekeeper.core.rows import TrainingRow
from gatekeeper.gates.data.content.exchanges import Exchange, flagged
from gatekeeper.gates.data.content.flags import Flag
from gatekeeper.gates.data.content.surprise import surprise_of
from gatekeeper.gates.data.content.unpacking import Limits

TEST = "cipher"
_FENCED = re.compile(r"```.*?(?:```|\Z)|`[^`\n]*`|\$\$.*?\$\$|\$[^$\n]*\$", re.DOTALL)
_EDGES = string.punctuation + "“”‘’«»…–—„¿¡·"
_SHORTEST, _LONGEST = 3, 24
"""Letters of a word that is measured: shorter are abbreviations and variables, longer are keys and sequences."""
_SHOUTED, _LEAST_SHOUTED = 0.8, 6
"""Share of words in capitals from which capitals are how the text is written, and letters of a word that is then no
abbreviation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What makes letters an outlier; chosen on one half of public rows, measured on the other."""

    bits: float = 5.1
    """Least mean surprise, in bits a letter: ordinary rows stay under 4.6, substitution ciphers lie near 6."""
    letters: int = 60
    """Fewest letters that can be judged."""
    signs: int = 60
    """Fewest characters of a text that is judged for hardly holding letters or digits."""
    plain_share: float = 0.2
    """Share of letters and digits below which a text is made of other signs."""
    distinct: int = 12
    """Fewest distinct signs of such a text: tables and rules have few."""
    limits: Limits = field(default_factory=Limits)


def find_ciphers(rows: Iterable[TrainingRow], settings: Settings) -> list[Flag]:
    """Return one flag for each row whose prompt or answer is written in a cipher, in order."""
    return flagged(rows, settings.limits, [(TEST, lambda exchange: cipher_reason(exchange, settings))])


def cipher_reason(exchange: Exchange, settings: Settings) -> str:
    """Return why an exchange looks enciphered, or nothing; decoded readings are not judged."""
    for where, reading in exchange.parts():
        if reading.codes:
            continue
        text = reading.text[: settings.limits.characters]
        if surprise_of(text).bits >= settings.bits:
            worded = surprise_of(_words(text))
            if worded.letters >= settings.letters and worded.bits >= settings.bits:
                return f"{where} has letters in an order of no known language ({worded.bits:.1f} bits a letter)"
        if _signs(text, settings):
            return f"{where} is written in signs that are neither letters nor digits"
    return ""


def _words(text: str) -> str:
    """Return the words of a text that prose is made of."""
    words = [word.strip(_EDGES) for word in _FENCED.sub(" ", text).split()]
    words = [word for word in words if _SHORTEST <= len(word) <= _LONGEST and word.isalpha()]
    shouted = sum(map(str.isupper, words)) >= _SHOUTED * len(words)
    return " ".join(word for word in words if not word.isupper() or (shouted and len(word) >= _LEAST_SHOUTED))


def _signs(text: str, settings: Settings) -> bool:
    """Return whether hardly a character is a letter or a digit, in any script."""
    if len(text) < settings.signs:
        return False
    plain = sum(map(str.isalnum, text[: 4 * settings.signs]))
    if plain >= settings.plain_share * min(len(text), 4 * settings.signs):
        return False
    bare = "".join(_FENCED.sub(" ", text).split())
    plain = sum(map(str.isalnum, bare))
    return (
        len(bare) >= settings.signs
        and plain < settings.plain_share * len(bare)
        and len(set(bare)) >= settings.distinct
    )
