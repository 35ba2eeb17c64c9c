"""What the service is told about webhooks, once, where it is started."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from api.webhooks.address import Rules
from api.webhooks.post import Poster


@dataclass(frozen=True, slots=True, kw_only=True)
class Outgoing:
    """How events are sent."""

    rules: Rules
    """Which hosts administrators may name: the settings file's, so that no token widens it."""
    poster: Poster
    key: bytes = field(repr=False)
    """That the endpoints' secrets are derived from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Incoming:
    """How the registry's webhooks are taken."""

    secret: Callable[[], bytes | None] = field(repr=False)
    """Gives what the registry signs with; ``None`` while there is none, and then nothing is taken."""
    wake: Callable[[str], None]
    """Told the name of a model that the registry says something about: its versions are looked at soon."""
    look: Callable[[], None]
    """Told that an alias may have moved: the reconciler looks at once."""
    window: timedelta = timedelta(minutes=5)
    """How far a delivery's own time may be from ours."""
