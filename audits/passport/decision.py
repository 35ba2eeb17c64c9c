"""A person's decision, as their own key signs it: about exactly which bytes, policy and evidence, and what for."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import ConfigDict, TypeAdapter

from audits.passport.dsse import open_envelope, sign
from audits.passport.strict import read_strict
from gatekeeper.core.digests import Digest, canonical
from gatekeeper.core.errors import VerificationError

PAYLOAD_TYPE: Final = "application/vnd.gatekeeper.decision+json"
VERSION: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedDecision:
    """What a person agreed to, or refused."""

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)

    v: int = VERSION
    action: str
    """``promote``, ``certify``, ``rollback``, ``anchor``, ``break-glass``, ``review``, ``revoke`` or ``waive``."""
    decision: str
    """``approve``, ``reject`` or ``request-changes``."""
    update: str
    run: str
    request: str | None
    """The request it decides about, or the finding that is accepted; ``None`` for a run's own approval."""
    model: str
    alias: str
    update_digest: Digest
    policy_digest: Digest
    evidence_digest: Digest
    expires: str
    """RFC 3339 in UTC, with ``Z``: until when the decision counts."""


_SHAPE: TypeAdapter[SignedDecision] = TypeAdapter(SignedDecision)
_REMEMBERED: Final = 256
"""Decisions read last: the same text under the same keys says the same again."""
_SHORT: Final = 16_384
"""Characters; longer ones, which people's decisions never are, are not remembered."""


def sign_decision(decision: SignedDecision, key: Ed25519PrivateKey) -> str:
    """Return the envelope of a decision."""
    return sign(canonical(decision), PAYLOAD_TYPE, key)


def read_decision(text: str, keys: Iterable[str]) -> tuple[SignedDecision, str]:
    """Return a decision and the key that signed it.

    Raises:
        VerificationError: it is none, or none of the keys signed it.
    """
    read = _remembered if len(text) <= _SHORT else _read
    return read(text, tuple(keys))


def _read(text: str, keys: tuple[str, ...]) -> tuple[SignedDecision, str]:
    payload, key = open_envelope(text, PAYLOAD_TYPE, keys)
    read = read_strict(payload, _SHAPE, what="a decision")
    if read.v != VERSION:
        raise VerificationError("The envelope holds no decision of this version.")
    return read, key


_remembered: Final = lru_cache(maxsize=_REMEMBERED)(_read)
