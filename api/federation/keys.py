"""The public keys of a provider: fetched when needed, kept for a while, asked for again when one is not known.

Whatever is sent to the service, a provider is asked at most once a minute. Keys that cannot be refreshed count for an
hour and no longer.
"""

import threading
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, JWKRegistry, OKPKey, RSAKey

from api.problems import Problem

FRESH: Final = timedelta(minutes=10)
"""Age from which keys are asked for again when one is needed."""
KEPT: Final = timedelta(hours=1)
"""Age from which they do not count."""
BETWEEN: Final = timedelta(minutes=1)
"""Shortest time between two questions, whatever came of the first."""

PublicKey = RSAKey | ECKey | OKPKey

KEY_TYPES: Final[Mapping[str, tuple[type[PublicKey], str | None]]] = {
    "RS256": (RSAKey, None),
    "RS384": (RSAKey, None),
    "RS512": (RSAKey, None),
    "PS256": (RSAKey, None),
    "ES256": (ECKey, "P-256"),
    "ES384": (ECKey, "P-384"),
    "EdDSA": (OKPKey, "Ed25519"),
    "Ed25519": (OKPKey, "Ed25519"),
}
"""Kind of key and curve of each algorithm that is taken: no shared secret, and never none."""

_MOST_KEYS: Final = 100
_SHORTEST_RSA: Final = 2048
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})


class Keys:
    """The keys of one provider."""

    def __init__(
        self, fetch: Callable[[], Mapping[str, object]], *, now: Callable[[], datetime] | None = None
    ) -> None:
        self._fetch = fetch
        self._now = now or (lambda: datetime.now(UTC))
        self._lock = threading.Lock()
        self._kept: list[Mapping[str, object]] = []
        self._fetched: datetime | None = None
        self._asked: datetime | None = None

    def find(self, algorithm: str, kid: str | None) -> PublicKey | None:
        """Return the key that a signature of this algorithm names; ``None`` where the provider has none such.

        Args:
            algorithm: one of :data:`KEY_TYPES`.
            kid: the key's id; ``None`` where the signature names none, which takes a provider with one key alone.

        Raises:
            Problem: the provider does not answer, and no keys of it are kept.
        """
        with self._lock:
            moment = self._now()
            if self._fetched is None or moment - self._fetched >= FRESH:
                self._refresh(moment)
            found = self._among(algorithm, kid, moment)
            if found is None:
                self._refresh(moment)
                found = self._among(algorithm, kid, moment)
            return found

    def _refresh(self, moment: datetime) -> None:
        if self._asked is not None and moment - self._asked < BETWEEN:
            return
        self._asked = moment
        try:
            listed = self._fetch().get("keys")
        except Problem:
            if self._fetched is None or moment - self._fetched >= KEPT:
                raise
            return
        kept: list[Mapping[str, object]] = [
            each for each in (listed if isinstance(listed, list) else []) if isinstance(each, dict)
        ]
        self._kept = kept[:_MOST_KEYS]
        self._fetched = moment

    def _among(self, algorithm: str, kid: str | None, moment: datetime) -> PublicKey | None:
        if self._fetched is None or moment - self._fetched >= KEPT:
            raise Problem("provider", "The provider does not answer as it should.", hint="Try again in a minute.")
        fitting = [each for each in self._kept if _fits(each, algorithm) and (kid is None or each.get("kid") == kid)]
        keys = [key for each in fitting if (key := _key(each, algorithm)) is not None]
        return keys[0] if len(keys) == 1 else None


def _fits(key: Mapping[str, object], algorithm: str) -> bool:
    """Return whether a key is said to be for signatures of this algorithm."""
    kind, curve = KEY_TYPES[algorithm]
    return (
        key.get("kty") == kind.key_type
        and key.get("use", "sig") == "sig"
        and key.get("alg", algorithm) == algorithm
        and (curve is None or key.get("crv") == curve)
    )


def _key(key: Mapping[str, object], algorithm: str) -> PublicKey | None:
    public: dict[str, str | list[str]] = {
        name: value for name, value in key.items() if name not in _PRIVATE and isinstance(value, str)
    }
    try:
        read = JWKRegistry.import_key(public)
    except (JoseError, ValueError, TypeError, KeyError):
        return None
    if not isinstance(read, KEY_TYPES[algorithm][0]):
        return None
    if isinstance(read, RSAKey) and read.public_key.key_size < _SHORTEST_RSA:
        return None
    return read
