"""Sign what the ledger is now, so that what it was cannot be denied later."""

from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.orm import Session

from audits.ledger.checkpoint import Checkpoint, checkpoint_text
from audits.ledger.events import Event
from audits.ledger.note import Note, format_note, sign_note
from audits.ledger.proofs import root_at
from audits.ledger.rotation import last_size, public_id, rotations
from gatekeeper.core.errors import StateError
from gatekeeper.store import checkpoints, entries
from gatekeeper.store.tables import CheckpointRow


def sign_checkpoint(
    session: Session, *, origin: str, key: Ed25519PrivateKey, now: datetime | None = None
) -> CheckpointRow:
    """Return the checkpoint of the ledger's present size, signed where it was not yet.

    Args:
        session: a transaction.
        origin: name of the log, and of its key.
        key: the log's own.
        now: the present moment, for tests.

    Raises:
        StateError: the key was handed over to another one.
    """
    size = entries.size(session)
    handed_over = rotations(each.leaf for each in entries.of_type(session, Event.KEY_ROTATED.value))
    last = last_size(public_id(key.public_key().public_bytes_raw()), handed_over)
    if last is not None and size > last:
        raise StateError(
            "The log's key was rotated, and this process still has the former one.", hint="Start it again."
        )
    known = checkpoints.at(session, size)
    if known is not None:
        return known
    root = root_at(session, size)
    text = checkpoint_text(Checkpoint(origin=origin, size=size, root=root))
    note = format_note(Note(text=text, signatures=(sign_note(text, origin, key),)))
    return checkpoints.keep(session, size=size, root=root, note=note, cosignatures=0, now=now)
