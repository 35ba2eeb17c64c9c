"""When the log's key was handed over, and which checkpoints a former key could still sign.

A rotation is one leaf, ``key.rotated`` with the subject ``log``. The former key signs its last checkpoint over the log
up to and including that leaf, which makes the hand-over its own statement; what is longer is the new key's to sign.
Whoever has the leaves can hold a checkpoint against this. Whoever has a checkpoint alone cannot: for them the former
key stays as good as any other that they trust.
"""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from audits.ledger.checkpoint import parse_checkpoint
from audits.ledger.events import Event
from audits.ledger.note import parse_note, parse_vkey, verify_note
from gatekeeper.core.errors import VerificationError

LOG: Final = "log"
"""Subject of a rotation of the key that signs checkpoints."""
PASSPORT: Final = "passport"
"""Subject of a rotation of the key that signs passports and revocation lists."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotation:
    """One hand-over."""

    seq: int
    """Number of its leaf."""
    old: str
    new: str
    """Ids of the keys: SHA-256 over the 32 bytes of the public half, in hexadecimal digits."""


def public_id(public: bytes) -> str:
    """Return the id of a raw public key."""
    return hashlib.sha256(public).hexdigest()


def rotations(leaves: Iterable[bytes], *, of: str = LOG) -> tuple[Rotation, ...]:
    """Return the rotations among leaves, in their order; leaves of other types are passed over.

    Raises:
        VerificationError: one does not say what was rotated.
    """
    found = []
    wanted = Event.KEY_ROTATED.value.encode()
    for leaf in leaves:
        if wanted not in leaf:
            continue
        try:
            read = json.loads(leaf)
            if (read["type"], read["subject"]) == (Event.KEY_ROTATED.value, of):
                found.append(
                    Rotation(seq=int(read["seq"]), old=str(read["data"]["old"]), new=str(read["data"]["new"]))
                )
        except (ValueError, KeyError, TypeError) as error:
            raise VerificationError("An entry that says a key was rotated cannot be read.") from error
    return tuple(found)


def last_size(key: str, handed_over: Sequence[Rotation]) -> int | None:
    """Return the size of the last checkpoint that a key may sign; ``None`` for a key that was not handed over."""
    return next((each.seq + 1 for each in handed_over if each.old == key), None)


def require_not_retired(note_text: str, *, log_keys: Iterable[str], handed_over: Sequence[Rotation]) -> None:
    """Return when a checkpoint carries the signature of a log key that could still sign one of its size.

    Args:
        note_text: a checkpoint that was verified.
        log_keys: verifier keys that are trusted.
        handed_over: every rotation of the log that the checkpoint is of.

    Raises:
        VerificationError: only keys that had been handed over before signed it.
    """
    note = parse_note(note_text)
    size = parse_checkpoint(note.text).size
    signers = [public_id(key.public) for key in map(parse_vkey, log_keys) if verify_note(note, key)]
    limits = [last_size(signer, handed_over) for signer in signers]
    if not any(limit is None or size <= limit for limit in limits):
        raise VerificationError(
            f"A log key that was handed over before signed this checkpoint of {size} entries, and no later one did.",
            hint="Somebody uses the former key: compare with a witness, and find out who has it.",
        )
