"""Signed notes: a text and signatures below it, each line by one named key.

Sources: C2SP ``signed-note`` (verifier keys, key ids, signature lines) and ``tlog-cosignature`` (a witness's signature
carries the time at which it was made). Reading is strict: one spelling, no line that is not a signature.
"""

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from gatekeeper.core.errors import UsageError, VerificationError

ED25519: Final = 0x01
"""Kind of a plain signature over the note's text."""
COSIGNATURE: Final = 0x04
"""Kind of a witness's signature, over the time and the text."""

MOST_SIGNATURES: Final = 100
MOST_BYTES: Final = 1 << 20

_DASH: Final = "— "
_ID_BYTES: Final = 4
_KEY_BYTES: Final = 32
_TIME_BYTES: Final = 8
_SIGNATURE_BYTES: Final = 64
_LATEST: Final = (1 << 63) - 1
"""Last second that a cosignature may name."""
_NAME: Final = re.compile(r"[^\s+\x00-\x1f\x7f\ud800-\udfff]{1,255}")
_UNPRINTABLE: Final = re.compile(r"[\x00-\x09\x0b-\x1f\ud800-\udfff]")
"""What a note may not hold: control characters but newline, and what is no character."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifierKey:
    """A public key with its name, as ``name+id+base64`` writes it."""

    name: str
    kind: int
    """:data:`ED25519` or :data:`COSIGNATURE`."""
    public: bytes
    """32 bytes."""

    @property
    def key_id(self) -> bytes:
        """First four bytes of SHA-256(name ‖ newline ‖ kind ‖ public key)."""
        return hashlib.sha256(self.name.encode() + b"\n" + bytes([self.kind]) + self.public).digest()[:_ID_BYTES]

    def __str__(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{_encode(bytes([self.kind]) + self.public)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteSignature:
    """One signature line."""

    name: str
    key_id: bytes
    """4 bytes."""
    blob: bytes
    """64 bytes of an Ed25519 signature; a cosignature has the time, 8 bytes, before them."""

    def __str__(self) -> str:
        return f"{_DASH}{self.name} {_encode(self.key_id + self.blob)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A text with its signatures."""

    text: str
    """Ends with a newline."""
    signatures: tuple[NoteSignature, ...]


def verifier_key(name: str, private: Ed25519PrivateKey, *, kind: int = ED25519) -> VerifierKey:
    """Return the public half of a key under a name.

    Raises:
        UsageError: the name cannot be a key's.
    """
    if _NAME.fullmatch(name) is None:
        raise UsageError(f"{name!r} cannot be a key's name.", hint="Use no spaces and no plus sign.")
    return VerifierKey(name=name, kind=kind, public=private.public_key().public_bytes_raw())


def parse_vkey(text: str) -> VerifierKey:
    """Return the verifier key of ``name+id+base64``.

    Raises:
        UsageError: the text is none.
    """
    wrong = UsageError(f"{text[:120]!r} is no verifier key.", hint="One reads name+id+base64.")
    name, _, rest = text.partition("+")
    _, _, encoded = rest.partition("+")
    decoded = _decode(encoded)
    if decoded is None or len(decoded) != 1 + _KEY_BYTES or decoded[0] not in (ED25519, COSIGNATURE):
        raise wrong
    if _NAME.fullmatch(name) is None:
        raise wrong
    key = VerifierKey(name=name, kind=decoded[0], public=decoded[1:])
    if str(key) != text:
        raise wrong
    return key


def parse_note(text: str) -> Note:
    """Return the note of its own text.

    Raises:
        VerificationError: it is none, or is spelled in another way than notes are.
    """
    if len(text) > MOST_BYTES or not text.endswith("\n") or _UNPRINTABLE.search(text) is not None:
        raise VerificationError("This is no signed note.")
    body, blank, tail = text.rpartition("\n\n")
    lines = tail.splitlines()
    if not blank or not lines or len(lines) > MOST_SIGNATURES or tail != "\n".join(lines) + "\n":
        raise VerificationError("This is no signed note.")
    note = Note(text=body + "\n", signatures=tuple(map(parse_signature, lines)))
    if format_note(note) != text:
        raise VerificationError("This note is not written as notes are.")
    return note


def parse_signature(line: str) -> NoteSignature:
    """Return the signature of one line, without its newline.

    Raises:
        VerificationError: the line is none.
    """
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    decoded = _decode(encoded)
    if not line.startswith(_DASH) or not space or _NAME.fullmatch(name) is None:
        raise VerificationError("A line below the note is no signature.")
    if decoded is None or len(decoded) <= _ID_BYTES:
        raise VerificationError("A line below the note is no signature.")
    return NoteSignature(name=name, key_id=decoded[:_ID_BYTES], blob=decoded[_ID_BYTES:])


def format_note(note: Note) -> str:
    """Return the note as text; law: ``parse_note(format_note(note)) == note``."""
    return note.text + "\n" + "".join(f"{signature}\n" for signature in note.signatures)


def sign_note(text: str, name: str, private: Ed25519PrivateKey) -> NoteSignature:
    """Return a plain signature of a note's text.

    Raises:
        RuntimeError: the text does not end with a newline.
    """
    if not text.endswith("\n"):
        raise RuntimeError("a note's text ends with a newline")
    key = verifier_key(name, private)
    return NoteSignature(name=name, key_id=key.key_id, blob=private.sign(text.encode()))


def verify_note(note: Note, key: VerifierKey) -> bool:
    """Return whether the note carries a plain signature of this key."""
    return key.kind == ED25519 and any(
        len(signature.blob) == _SIGNATURE_BYTES and _fits(key, signature.blob, note.text.encode())
        for signature in _of(note, key)
    )


def cosign(text: str, name: str, private: Ed25519PrivateKey, at: int) -> NoteSignature:
    """Return a witness's signature of a checkpoint's text, made ``at`` so many seconds after 1970 in UTC."""
    key = verifier_key(name, private, kind=COSIGNATURE)
    return NoteSignature(
        name=name, key_id=key.key_id, blob=at.to_bytes(_TIME_BYTES, "big") + private.sign(_cosigned(text, at))
    )


def verify_cosignature(note: Note, key: VerifierKey) -> int | None:
    """Return when this witness signed the note, in seconds since 1970 in UTC; ``None`` when it did not."""
    if key.kind != COSIGNATURE:
        return None
    for signature in _of(note, key):
        if len(signature.blob) == _TIME_BYTES + _SIGNATURE_BYTES:
            at = int.from_bytes(signature.blob[:_TIME_BYTES], "big")
            if at <= _LATEST and _fits(key, signature.blob[_TIME_BYTES:], _cosigned(note.text, at)):
                return at
    return None


def _of(note: Note, key: VerifierKey) -> list[NoteSignature]:
    return [each for each in note.signatures if (each.name, each.key_id) == (key.name, key.key_id)]


def _cosigned(text: str, at: int) -> bytes:
    return f"cosignature/v1\ntime {at}\n{text}".encode()


def _fits(key: VerifierKey, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key.public).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def _encode(data: bytes) -> str:
    return base64.standard_b64encode(data).decode()


def _decode(text: str) -> bytes | None:
    try:
        decoded = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    return decoded if _encode(decoded) == text else None
