"""Where one passport counts: one registry, model, version and alias, after one previous version, for one time."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from pydantic import ConfigDict

from gatekeeper.core.errors import VerificationError

EXCEPTIONAL: Final = frozenset({"break-glass", "review"})
"""Kinds of moves that put a blocked update live: their passports say so."""

KINDS: Final = frozenset({"promote", "certify", "rollback", "anchor", *EXCEPTIONAL})
"""Every kind of move."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """What a passport is bound to."""

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)

    registry: str
    """Id of the registry, without its address."""
    model: str
    """Name of the registered model."""
    version: str
    alias: str
    expected_previous: str | None
    """Version the alias points to before; ``None`` when it must not exist."""
    nonce: str
    kind: str
    """One of :data:`KINDS`."""
    intent: int
    """Number of the intent's leaf in the ledger."""
    break_glass: bool
    """Whether people overruled a verdict; true for the kinds in :data:`EXCEPTIONAL` and no other."""
    valid_from: str
    """RFC 3339 in UTC, with ``Z``."""
    valid_until: str | None
    """As ``valid_from``; the first moment at which it no longer counts."""


def instant(text: str) -> datetime:
    """Return the moment an RFC 3339 text in UTC names.

    Raises:
        VerificationError: it is none.
    """
    try:
        if not text.endswith("Z") or "T" not in text:
            raise ValueError(text)
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise VerificationError(f"{text[:40]!r} is no moment in UTC.") from error


def written(moment: datetime) -> str:
    """Return a moment as passports write it, to the second.

    Raises:
        RuntimeError: it carries no zone.
    """
    if moment.tzinfo is None:
        raise RuntimeError("a moment without a time zone cannot stand in a passport")
    return moment.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
