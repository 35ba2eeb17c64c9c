"""A person's decision, as the service signs it: over what a provider said of their log-in.

The service's key for this signs nothing else, and has a place of its own in the trust file. A verifier takes such a
decision only where the trust file names that key, for that provider and that role, and the subject with that role; and
only when the person had logged in shortly before the ledger records the decision. The person's name is nowhere: a
subject is an HMAC under a key that can be erased.
"""

import hashlib
import hmac
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Annotated, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import ConfigDict, Field, TypeAdapter

from audits.ledger.pseudonyms import KEY_BYTES
from audits.passport.decision import VERSION as DECISION_VERSION
from audits.passport.decision import SignedDecision
from audits.passport.dsse import open_envelope, sign
from audits.passport.strict import read_strict
from gatekeeper.core.digests import canonical
from gatekeeper.core.errors import VerificationError

PAYLOAD_TYPE: Final = "application/vnd.gatekeeper.decision-by-log-in+json"
VERSION: Final = 1

_STRICT = ConfigDict(extra="forbid", strict=True)
_Word = Annotated[str, Field(max_length=200)]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogIn:
    """What a provider said of a log-in, without a name."""

    __pydantic_config__ = _STRICT

    issuer: str
    """The provider."""
    subject: Annotated[str, Field(pattern=r"\Asubject:[0-9a-f]{64}\z")]
    """From :func:`subject_of`."""
    auth_time: str
    """When the person proved who they are; RFC 3339 in UTC, with ``Z``."""
    amr: Annotated[tuple[_Word, ...], Field(max_length=20)]
    """How they did, in the provider's words (RFC 8176); empty where it does not say."""
    acr: _Word | None
    """How much that counts for, in the provider's words; ``None`` where it does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionByLogIn:
    """A decision and the log-in that it rests on."""

    __pydantic_config__ = _STRICT

    v: int = VERSION
    decision: SignedDecision
    log_in: LogIn


_SHAPE: TypeAdapter[DecisionByLogIn] = TypeAdapter(DecisionByLogIn)


def subject_of(key: bytes, issuer: str, claim: str, value: str) -> str:
    """Return ``subject:`` and 64 hexadecimal digits: HMAC-SHA256 of who somebody is at a provider.

    Args:
        key: the person's own, 32 bytes; erased with their name.
        issuer: the provider.
        claim: which of its claims names the person.
        value: of that claim.

    Raises:
        RuntimeError: the key has another length.
    """
    if len(key) != KEY_BYTES:
        raise RuntimeError(f"a person's key has {KEY_BYTES} bytes, not {len(key)}")
    return "subject:" + hmac.new(key, canonical([issuer, claim, value]), hashlib.sha256).hexdigest()


def sign_for_log_in(decision: SignedDecision, log_in: LogIn, key: Ed25519PrivateKey) -> str:
    """Return the envelope of a decision over a verified log-in."""
    return sign(canonical(DecisionByLogIn(decision=decision, log_in=log_in)), PAYLOAD_TYPE, key)


def read_by_log_in(text: str, keys: Iterable[str]) -> tuple[DecisionByLogIn, str]:
    """Return a decision over a log-in and the key that signed it; whether it counts is the trust file's to say.

    Raises:
        VerificationError: it is none, or none of the keys signed it.
    """
    payload, key = open_envelope(text, PAYLOAD_TYPE, keys)
    read = read_strict(payload, _SHAPE, what="a decision over a log-in")
    if (read.v, read.decision.v) != (VERSION, DECISION_VERSION):
        raise VerificationError("The envelope holds no decision of this version.")
    return read, key
