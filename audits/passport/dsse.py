"""DSSE envelopes with exactly one Ed25519 signature, in one spelling only.

An envelope is RFC 8785 JSON; any other spelling of the same value is refused, so that every byte of it matters.
Source: the Dead Simple Signing Envelope, version 1.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Iterable
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import Error as SslibError
from securesystemslib.signer import CryptoSigner, SSlibKey

from gatekeeper.core.digests import canonical
from gatekeeper.core.errors import UsageError, VerificationError

PREFIX: Final = "ed25519:"
"""Beginning of a public key's text; base64 of its 32 bytes follows."""

MOST_BYTES: Final = 8 << 20
"""Longest envelope that is read at all."""

_KEY_BYTES: Final = 32


def key_id(public: bytes) -> str:
    """Return the id of a raw public key: SHA-256 over its 32 bytes, in hexadecimal digits."""
    return hashlib.sha256(public).hexdigest()


def public_text(private: Ed25519PrivateKey) -> str:
    """Return the public half of a key as text."""
    return PREFIX + base64.standard_b64encode(private.public_key().public_bytes_raw()).decode()


def parse_public(text: str) -> bytes:
    """Return the 32 raw bytes of a public key.

    Raises:
        UsageError: the text is none.
    """
    try:
        raw = base64.b64decode(text.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != _KEY_BYTES or text != PREFIX + base64.standard_b64encode(raw).decode():
        raise UsageError(f"{text[:80]!r} is no public key.", hint=f"One reads {PREFIX}… and comes from `key show`.")
    return raw


def sign(payload: bytes, payload_type: str, private: Ed25519PrivateKey) -> str:
    """Return the envelope of ``payload``, signed."""
    envelope = Envelope(payload, payload_type, {})
    envelope.sign(CryptoSigner(private, _key(private.public_key().public_bytes_raw())))
    return canonical(envelope.to_dict()).decode()


def open_envelope(text: str, payload_type: str, keys: Iterable[str]) -> tuple[bytes, str]:
    """Return the payload and the key, as text, whose signature it carries.

    Args:
        text: an envelope.
        payload_type: the type that it must have.
        keys: public keys, as text, any one of which may have signed it.

    Raises:
        VerificationError: it is no envelope of that type, or no signature of one of the keys.
    """
    envelope = _read(text)
    if envelope.payload_type != payload_type:
        raise VerificationError(f"The envelope holds {envelope.payload_type[:80]!r}, not {payload_type!r}.")
    known = {key_id(raw): (key, raw) for key in keys for raw in (parse_public(key),)}
    (signed_with,) = envelope.signatures
    if signed_with not in known:
        raise VerificationError(
            "The envelope was signed with a key that is not trusted here.", hint="Compare the trust file."
        )
    key, raw = known[signed_with]
    try:
        envelope.verify([_key(raw)], 1)
    except (SslibError, ValueError) as error:
        raise VerificationError("The envelope's signature does not fit.", hint="It was changed.") from error
    return envelope.payload, key


def _read(text: str) -> Envelope:
    if len(text) > MOST_BYTES:
        raise VerificationError("The envelope is too long to be one.")
    try:
        read: Any = json.loads(text)
        envelope = Envelope.from_dict(read)
        spelled = canonical(envelope.to_dict()).decode()
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, SslibError, binascii.Error) as error:
        raise VerificationError("This is no DSSE envelope.") from error
    if spelled != text or len(envelope.signatures) != 1:
        raise VerificationError("The envelope is not written as envelopes are, with one signature.")
    return envelope


def _key(raw: bytes) -> Any:
    return SSlibKey.from_crypto(Ed25519PublicKey.from_public_bytes(raw), keyid=key_id(raw))
