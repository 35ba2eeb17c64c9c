"""A person's release of one quarantined row from one gate, as their own key signs it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import ConfigDict, TypeAdapter

from audits.passport.dsse import open_envelope, sign
from audits.passport.strict import read_strict
from gatekeeper.core.digests import Digest, canonical
from gatekeeper.core.errors import VerificationError

PAYLOAD_TYPE: Final = "application/vnd.gatekeeper.release+json"
VERSION: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedRelease:
    """What a person took upon themselves: this row may be learned from although this gate flagged it."""

    __pydantic_config__ = ConfigDict(extra="forbid", strict=True)

    v: int = VERSION
    release: str
    """The release's own id."""
    row_digest: Digest
    """Of the record's content, whatever file it is in."""
    gate: str
    method: Digest
    """Of the gate's version and parameters."""
    tests: tuple[str, ...]
    """Tests of the gate that had flagged the row, sorted."""
    file_digest: Digest
    """Of the file in which it was flagged."""
    reason_digest: Digest
    """Salted digest of why."""
    given: str
    """RFC 3339 in UTC, with ``Z``."""


_SHAPE: TypeAdapter[SignedRelease] = TypeAdapter(SignedRelease)


def sign_release(release: SignedRelease, key: Ed25519PrivateKey) -> str:
    """Return the envelope of a release."""
    return sign(canonical(release), PAYLOAD_TYPE, key)


def read_release(text: str, keys: Iterable[str]) -> tuple[SignedRelease, str]:
    """Return a release and the key that signed it.

    Raises:
        VerificationError: it is none, or none of the keys signed it.
    """
    payload, key = open_envelope(text, PAYLOAD_TYPE, keys)
    read = read_strict(payload, _SHAPE, what="a release")
    if read.v != VERSION:
        raise VerificationError("The envelope holds no release of this version.")
    return read, key
