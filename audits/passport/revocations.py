"""The revocation list: which updates no passport covers any more, and which move of every alias is the newest.

It is signed with a passport key, and counts only for a limited time: an old list is no list.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import ConfigDict, Field, TypeAdapter

from audits.passport.binding import instant, written
from audits.passport.dsse import open_envelope, sign
from audits.passport.strict import read_strict
from audits.passport.trust import Trust
from gatekeeper.core.digests import canonical
from gatekeeper.core.errors import VerificationError

PAYLOAD_TYPE: Final = "application/vnd.gatekeeper.revocations+json"
SKEW: Final = timedelta(minutes=2)
"""How far two clocks may be apart."""

_STRICT = ConfigDict(extra="forbid", strict=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Revoked:
    """An update that no passport covers any more."""

    __pydantic_config__ = _STRICT

    digest: Annotated[str, Field(pattern=r"\Asha256:[0-9a-f]{64}\z")]
    code: str
    """Why, in one word."""
    at: str
    """When; RFC 3339 in UTC."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revocations:
    """The list."""

    __pydantic_config__ = _STRICT

    v: Literal[1] = 1
    sequence: Annotated[int, Field(ge=0)]
    """Grows with every list."""
    issued: str
    """When; RFC 3339 in UTC."""
    revoked: tuple[Revoked, ...]
    current: Mapping[str, tuple[str, int]]
    """``registry|model|alias`` to the version it points to and the number of that move's intent."""


_SHAPE: TypeAdapter[Revocations] = TypeAdapter(Revocations)


def place(registry: str, model: str, alias: str) -> str:
    """Return the name of an alias in :attr:`Revocations.current`."""
    return f"{registry}|{model}|{alias}"


def write_revocations(
    *,
    sequence: int,
    issued: datetime,
    revoked: tuple[Revoked, ...],
    current: Mapping[str, tuple[str, int]],
    key: Ed25519PrivateKey,
) -> str:
    """Return a signed list."""
    listed = Revocations(sequence=sequence, issued=written(issued), revoked=revoked, current=current)
    return sign(canonical(listed), PAYLOAD_TYPE, key)


def read_revocations(text: str, trust: Trust, *, now: datetime) -> Revocations:
    """Return a list that is signed by a trusted key and fresh.

    Raises:
        VerificationError: it is not.
    """
    payload, _key = open_envelope(text, PAYLOAD_TYPE, trust.passport_keys)
    listed = read_strict(payload, _SHAPE, what="a revocation list")
    issued = instant(listed.issued)
    if issued > now + SKEW:
        raise VerificationError("The revocation list is from the future.", hint="Set this machine's clock.")
    if now - issued > timedelta(hours=trust.revocation_hours):
        raise VerificationError(
            f"The revocation list is of {listed.issued}, too old to count.", hint="Fetch the newest list."
        )
    return listed
