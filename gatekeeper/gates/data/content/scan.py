"""All content tests over the same rows in one pass, so that every row is decoded once."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from gatekeeper.core.rows import TrainingRow
from gatekeeper.gates.data.content import ciphers, harmful, injection, packed
from gatekeeper.gates.data.content.exchanges import flagged
from gatekeeper.gates.data.content.flags import Flag
from gatekeeper.gates.data.content.unpacking import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of each test; decoding follows ``limits`` for all of them."""

    harm: harmful.Settings = field(default_factory=harmful.Settings)
    orders: injection.Settings = field(default_factory=injection.Settings)
    cipher: ciphers.Settings = field(default_factory=ciphers.Settings)
    code: packed.Settings = field(default_factory=packed.Settings)
    limits: Limits = field(default_factory=Limits)


def find_content(rows: Iterable[TrainingRow], settings: Settings) -> list[Flag]:
    """Return the flags of every content test, by row, then by test in the order of the settings."""
    return flagged(
        rows,
        settings.limits,
        [
            (harmful.TEST, lambda exchange: harmful.harmful_reason(exchange, settings.harm)),
            (injection.TEST, lambda exchange: injection.injection_reason(exchange, settings.orders)),
            (ciphers.TEST, lambda exchange: ciphers.cipher_reason(exchange, settings.cipher)),
            (packed.TEST, lambda exchange: packed.packed_reason(exchange, settings.code)),
        ],
    )
