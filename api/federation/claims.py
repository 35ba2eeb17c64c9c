"""A signed token of a provider: whether it is one, and what it claims.

In this order: its form; the algorithm, from a fixed list; the key, from the provider's own list and never from the
token; the signature; who issued it; and its times, with clocks at most a minute apart.
"""

import base64
import binascii
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from joserfc import jwt
from joserfc.errors import JoseError

from api.federation.keys import KEY_TYPES, Keys

SKEW: Final = timedelta(minutes=1)
_LONGEST: Final = 16_384
_LONGEST_KID: Final = 500
_TYPES: Final = frozenset({"", "jwt"})


class Unbelievable(Exception):
    """A token that does not count; the text is for the log, and tells whoever sent it nothing."""


def believed(
    token: str, keys: Keys, *, issuer: str, now: datetime, longest: timedelta | None = None
) -> Mapping[str, Any]:
    """Return what a token claims.

    Args:
        token: in the compact form.
        keys: of whom it should be by.
        issuer: who that is.
        now: the present moment.
        longest: most time between its issue and its end; ``None`` for any.

    Raises:
        Unbelievable: it is not by them, or does not count now.
        Problem: their keys cannot be asked for.
    """
    header = _part(token, 0)
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in KEY_TYPES:
        raise Unbelievable("its algorithm is not taken")
    if kid is not None and (not isinstance(kid, str) or len(kid) > _LONGEST_KID):
        raise Unbelievable("its key has no name")
    if "crit" in header or str(header.get("typ", "")).lower() not in _TYPES:
        raise Unbelievable("its header asks for something that is not done")
    key = keys.find(algorithm, kid)
    if key is None:
        raise Unbelievable("its key is not the provider's")
    try:
        claims = jwt.decode(token, key, algorithms=[algorithm]).claims
    except (JoseError, ValueError, TypeError, RecursionError) as error:
        raise Unbelievable("its signature does not fit") from error
    if claims.get("iss") != issuer:
        raise Unbelievable("somebody else issued it")
    _require_times(claims, now, longest)
    return claims


def issuer_said(token: str) -> str | None:
    """Return who a token says issued it; nothing about it is checked."""
    try:
        said = _part(token, 1).get("iss")
    except Unbelievable:
        return None
    return said if isinstance(said, str) else None


def moment_in(claims: Mapping[str, Any], name: str) -> datetime | None:
    """Return the moment of a claim; ``None`` without it.

    Raises:
        Unbelievable: it is no moment.
    """
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unbelievable(f"{name} is no moment")
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise Unbelievable(f"{name} is no moment") from error


def _require_times(claims: Mapping[str, Any], now: datetime, longest: timedelta | None) -> None:
    issued, ends, begins = (moment_in(claims, name) for name in ("iat", "exp", "nbf"))
    if issued is None or ends is None:
        raise Unbelievable("it does not say when it was issued, or when it ends")
    if now >= ends + SKEW:
        raise Unbelievable("it has ended")
    if issued > now + SKEW or (begins is not None and begins > now + SKEW):
        raise Unbelievable("it is from the future")
    if longest is not None and ends - issued > longest:
        raise Unbelievable("it counts for too long")


def _part(token: str, number: int) -> Mapping[str, Any]:
    parts = token.split(".")
    if len(token) > _LONGEST or len(parts) != 3 or not token.isascii():
        raise Unbelievable("it is no signed token")
    text = parts[number]
    try:
        read = json.loads(base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise Unbelievable("it is no signed token") from error
    if not isinstance(read, dict):
        raise Unbelievable("it is no signed token")
    return read
