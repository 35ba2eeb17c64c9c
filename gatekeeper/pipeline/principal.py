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
class Principal:
    """A person who may act, as the principals file names them."""

    name: str
    roles: tuple[str, ...]
    key: str | None = None
    """Public key that their decisions are signed with, ``ed25519:`` and base64; without one they cannot decide."""
