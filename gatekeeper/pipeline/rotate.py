"""Handing the log's or the passports' key over to a new one.

In this order, so that whatever is interrupted leaves an installation that works:

1. the new key is made and waits beside the present one; nothing trusts it yet;
2. verifiers' trust names it too (the caller's to write, since the trust file is the project's);
3. one transaction: the leaf ``key.rotated``, and, for the log, the former key's last checkpoint, over the log up to
   and including that leaf;
4. the new key takes the former one's place.

From 3 on a former log key signs nothing any more (:func:`audits.ledger.signing.sign_checkpoint` refuses), so whoever
opens the installation between 3 and 4 first does 4: :func:`finish`. Every step can be repeated.
"""

import dataclasses
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from sqlalchemy.orm import Session

from audits.ledger.events import Event
from audits.ledger.keys import LOG_FILE, PASSPORT_FILE, Keys, load_key, load_keys, next_key, take_over, waiting
from audits.ledger.log import append
from audits.ledger.rotation import LOG, PASSPORT, public_id, rotations
from audits.ledger.signing import sign_checkpoint
from gatekeeper.pipeline.principal import ACTOR
from gatekeeper.store import entries
from gatekeeper.store.database import Store

FILES: Final = {LOG: LOG_FILE, PASSPORT: PASSPORT_FILE}
"""File of the key for each purpose."""


def prepare(keys_dir: Path, purpose: str) -> Keys:
    """Return the installation's keys as they will be, with the new one made and waiting."""
    present = load_keys(keys_dir)
    new = next_key(keys_dir, FILES[purpose])
    return dataclasses.replace(present, log=new) if purpose == LOG else dataclasses.replace(present, passport=new)


def record(store: Store, keys_dir: Path, purpose: str, *, origin: str) -> int:
    """Write the hand-over down; return the number of its entry.

    For the log the former key signs the checkpoint that ends with it, in the same transaction.
    """
    old, new = load_key(keys_dir / FILES[purpose]), load_key(waiting(keys_dir, FILES[purpose]))
    with store.transaction() as session:
        if (done := _recorded(session, purpose, new)) is not None:
            return done
        entry = append(
            session,
            type=Event.KEY_ROTATED,
            actor=ACTOR,
            subject=purpose,
            data={"old": _id(old), "new": _id(new)},
        )
        if purpose == LOG:
            sign_checkpoint(session, origin=origin, key=old)
    return entry.seq


def finish(store: Store, keys_dir: Path, *, destroy: bool = False) -> tuple[str, ...]:
    """Let every key take over whose hand-over is in the ledger; return for which purposes one did."""
    finished = []
    for purpose, name in FILES.items():
        if not waiting(keys_dir, name).exists():
            continue
        with store.reading() as session:
            done = _recorded(session, purpose, load_key(waiting(keys_dir, name)))
        if done is not None:
            take_over(keys_dir, name, destroy=destroy)
            finished.append(purpose)
    return tuple(finished)


def _recorded(session: Session, purpose: str, new: Ed25519PrivateKey) -> int | None:
    leaves = [each.leaf for each in entries.of_type(session, Event.KEY_ROTATED.value)]
    return next((each.seq for each in rotations(leaves, of=purpose) if each.new == _id(new)), None)


def _id(key: Ed25519PrivateKey) -> str:
    return public_id(key.public_key().public_bytes_raw())
