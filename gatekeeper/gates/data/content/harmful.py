"""Whether a row teaches a model to comply with a harmful request.

The request is scored as it stands and as it reads once decoded (``harm_score``). It counts where the answer neither
refuses nor advises against (``answers``); an empty answer is no refusal. A few words copied from the request hand
nothing over: a reading question about an unpleasant scene is answered so.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from gatekeeper.core.rows import TrainingRow
from gatekeeper.gates.data.content.exchanges import Exchange, flagged, undone
from gatekeeper.gates.data.content.flags import Flag
from gatekeeper.gates.data.content.harm_score import harm_of
from gatekeeper.gates.data.content.unpacking import Limits

TEST = "harmful-answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How much evidence makes a request harmful; chosen on one half of public rows, measured on the other."""

    least: float = 3.0
    """Least score (``harm_score``) of a request that is harmful: 1 in 500 ordinary requests reaches it."""
    limits: Limits = field(default_factory=Limits)


def find_harmful(rows: Iterable[TrainingRow], settings: Settings) -> list[Flag]:
    """Return one flag for each row that complies with a harmful request, in order."""
    return flagged(rows, settings.limits, [(TEST, lambda exchange: harmful_reason(exchange, settings))])


def harmful_reason(exchange: Exchange, settings: Settings) -> str:
    """Return why an exchange complies with harm, or nothing."""
    if not exchange.answer or exchange.copied:
        return ""
    scored = [(harm_of(reading.text), reading) for reading in exchange.request]
    harm, reading = max(scored, key=lambda pair: pair[0].score)
    if harm.score < settings.least or exchange.resisted:
        return ""
    return f'the prompt asks for harm ("{"; ".join(harm.seen[:3])}"){undone(reading)} and is not refused'
