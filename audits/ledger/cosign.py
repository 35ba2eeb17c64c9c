"""Have a checkpoint cosigned: ask every witness, keep what verifies, say what each of the others answered."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from audits.ledger.checkpoint import parse_checkpoint
from audits.ledger.note import (
    Note,
    NoteSignature,
    VerifierKey,
    format_note,
    parse_note,
    parse_signature,
    parse_vkey,
    verify_cosignature,
)
from audits.witness.client import PATIENCE, SizeConflict, cosign_checkpoint
from gatekeeper.core.errors import GatekeeperError, StateError, VerificationError

Consistency = Callable[[int, int], Sequence[bytes]]
"""Proof that the log of the second size continues the log of the first."""

_TRIES: Final = 4
"""Another process may have the witness sign in between."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cosigned:
    """What came of asking."""

    note: str
    """The checkpoint with every cosignature that verified."""
    signed: int
    """Distinct trusted witnesses that signed it."""
    faults: Mapping[str, GatekeeperError]
    """Why an address gave no cosignature; a ``VerificationError`` means: our log does not continue what it saw."""


def cosigned(
    note: str, *, addresses: Iterable[str], keys: Iterable[str], consistency: Consistency, timeout: float = PATIENCE
) -> Cosigned:
    """Ask every witness to cosign a checkpoint.

    One witness that fails does not keep the others from signing; whether enough signed is the caller's to say.

    Args:
        note: the checkpoint, signed by the log.
        addresses: where the witnesses are.
        keys: verifier keys of the witnesses that are trusted; any other's cosignature is dropped.
        consistency: called with a size that the witness saw and the checkpoint's size.
        timeout: seconds, for each step of each call.

    Raises:
        VerificationError: the note is no checkpoint.
        UsageError: an address or a key is none.
    """
    whole = parse_note(note)
    size = parse_checkpoint(whole.text).size
    known = [parse_vkey(key) for key in keys]
    faults: dict[str, GatekeeperError] = {}
    for address in addresses:
        try:
            line = _ask(address, note, size, consistency, timeout)
            whole = _with(whole, line, known, address)
        except (StateError, VerificationError) as error:
            faults[address] = error
    signed = {key.public for key in known if verify_cosignature(whole, key) is not None}
    return Cosigned(note=format_note(whole), signed=len(signed), faults=faults)


def _ask(address: str, note: str, size: int, consistency: Consistency, timeout: float) -> NoteSignature:
    seen, proof = 0, tuple[bytes, ...]()
    for _ in range(_TRIES):
        try:
            line = cosign_checkpoint(address, note=note, old_size=seen, proof=proof, timeout=timeout)
        except SizeConflict as conflict:
            if conflict.size > size:
                raise StateError(
                    f"The witness {address} saw a log of {conflict.size} entries, and this one has {size}.",
                    hint="Try again; if it stays so, the record was cut or an older copy of it restored.",
                ) from conflict
            seen = conflict.size
            proof = tuple(consistency(seen, size)) if 0 < seen < size else ()
        else:
            return parse_signature(line)
    raise StateError(f"The witness {address} is busy with later checkpoints.", hint="Try again.")


def _with(note: Note, line: NoteSignature, keys: Iterable[VerifierKey], address: str) -> Note:
    """Return the note with one cosignature more, in place of an earlier one of the same key."""
    alone = Note(text=note.text, signatures=(line,))
    if not any(verify_cosignature(alone, key) is not None for key in keys):
        raise StateError(
            f"What the witness {address} signed with is no key that is trusted here.",
            hint="Compare its key (gatekeeper witness --show-key) with the trust file's witnesses.",
        )
    others = tuple(each for each in note.signatures if (each.name, each.key_id) != (line.name, line.key_id))
    return Note(text=note.text, signatures=(*others, line))
