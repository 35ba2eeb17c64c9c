"""Who may act, what acts for the service itself, and the two aliases that people's decisions are about."""

from dataclasses import dataclass
from typing import Final

ACTOR: Final = "service:gatekeeper"
"""What the ledger names where no person acted."""
CHAMPION: Final = "champion"
ANCHOR: Final = "anchor"
SERVICE: Final = "service"
"""Role of a program: it proposes, evaluates and promotes what people approved, and never decides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AtProvider:
    """Who a person is at a provider that they log in with."""

    issuer: str
    """The provider's own name, an address."""
    claim: str
    """Which of its claims names the person: ``sub``, or ``email`` where the provider has verified it."""
    value: str
    """Of that claim, exactly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Principal:
    """A person who may act, as the principals file names them."""

    name: str
    roles: tuple[str, ...]
    key: str | None = None
    """Public key that their decisions are signed with, ``ed25519:`` and base64; without one they cannot decide, except
    by logging in."""
    log_in: AtProvider | None = None
    """Who they are where they log in; ``None`` for whoever does not."""
