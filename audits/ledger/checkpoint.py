"""Checkpoints: how large a log was, and its root, as the text of a signed note.

Source: C2SP ``tlog-checkpoint``: three lines, origin, size and base64 root. No extension lines are written or read.
"""

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from audits.ledger.note import Note, VerifierKey, parse_note, parse_vkey, verify_cosignature, verify_note
from gatekeeper.core.errors import VerificationError

_ROOT_BYTES: Final = 32
_SIZE: Final = re.compile(r"0|[1-9][0-9]{0,17}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A log's size and root."""

    origin: str
    """Name of the log."""
    size: int
    """Leaves."""
    root: bytes
    """32 bytes."""


def checkpoint_text(checkpoint: Checkpoint) -> str:
    """Return the checkpoint as a note's text."""
    root = base64.standard_b64encode(checkpoint.root).decode()
    return f"{checkpoint.origin}\n{checkpoint.size}\n{root}\n"


def parse_checkpoint(text: str) -> Checkpoint:
    """Return the checkpoint of a note's text.

    Raises:
        VerificationError: it is none, or is spelled in another way.
    """
    lines = text.split("\n")
    if len(lines) != 4 or not lines[0] or _SIZE.fullmatch(lines[1]) is None:
        raise VerificationError("This is no checkpoint of a log.")
    try:
        root = base64.b64decode(lines[2], validate=True)
    except (binascii.Error, ValueError) as error:
        raise VerificationError("This is no checkpoint of a log.") from error
    checkpoint = Checkpoint(origin=lines[0], size=int(lines[1]), root=root)
    if len(root) != _ROOT_BYTES or checkpoint_text(checkpoint) != text:
        raise VerificationError("This is no checkpoint of a log.")
    return checkpoint


def verified_checkpoint(
    note_text: str, *, origin: str, log_keys: Iterable[str], witnesses: Iterable[str], quorum: int
) -> tuple[Checkpoint, int]:
    """Return a checkpoint and how many distinct witnesses signed it.

    Args:
        note_text: the signed note.
        origin: name that the log must have.
        log_keys: verifier keys, any one of which must have signed.
        witnesses: verifier keys of the witnesses that count.
        quorum: how many of them must have signed.

    Raises:
        VerificationError: origin, signature or quorum are wrong, or a line below the note is by nobody we know.
        UsageError: one of our own keys is no verifier key.
    """
    note = parse_note(note_text)
    checkpoint = parse_checkpoint(note.text)
    if checkpoint.origin != origin:
        raise VerificationError(f"The checkpoint is of the log {checkpoint.origin[:80]!r}, not of {origin!r}.")
    logs = [parse_vkey(key) for key in log_keys]
    known = [parse_vkey(key) for key in witnesses]
    if not any(verify_note(note, key) for key in logs if key.name == origin):
        raise VerificationError("The checkpoint carries no signature of a log key that is trusted here.")
    signed = {key.public for key in known if verify_cosignature(note, key) is not None}
    _require_known_lines(note, [*logs, *known])
    if len(signed) < quorum:
        raise VerificationError(
            f"{len(signed)} of the {quorum} witnesses that are needed signed the checkpoint.",
            hint="Ask the witnesses: a log that was rewritten gets no signature of theirs.",
        )
    return checkpoint, len(signed)


def _require_known_lines(note: Note, keys: list[VerifierKey]) -> None:
    """Refuse a signature line that no key of ours made: nothing below a note may be changed unseen."""
    for line in note.signatures:
        alone = Note(text=note.text, signatures=(line,))
        if not any(verify_note(alone, key) or verify_cosignature(alone, key) is not None for key in keys):
            raise VerificationError(f"The line of {line.name[:80]!r} below the checkpoint is no signature we know.")
