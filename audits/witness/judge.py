"""A witness's judgement of one submission: cosign, or say why not.

Order, after C2SP ``tlog-witness``: readable (400), a log it serves (404), signed by that log (403), not smaller than
the size the proof begins with (400), beginning with what was cosigned last (409), a continuation of it (409 for
another root at the same size, 422 otherwise). The new checkpoint is on the disk before its cosignature leaves (503
when it cannot be written). Judging and remembering happen under one lock: no two submissions pass on the same past.
"""

import hashlib
import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audits.ledger.checkpoint import Checkpoint, parse_checkpoint
from audits.ledger.merkle import EMPTY_ROOT, verify_consistency
from audits.ledger.note import (
    COSIGNATURE,
    ED25519,
    Note,
    VerifierKey,
    cosign,
    format_note,
    parse_note,
    parse_vkey,
    verifier_key,
    verify_note,
)
from audits.witness.state import Seen, WitnessState
from audits.witness.wire import SIZE_TYPE, Submission, parse_submission
from gatekeeper.core.errors import StateError, UsageError, VerificationError

_TEXT: Final = "text/plain; charset=utf-8"
_MOST_TOLD: Final = 1000
_LOG: Final = logging.getLogger("gatekeeper.witness")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An HTTP answer."""

    status: int
    body: str
    media_type: str = _TEXT


class Witness:
    """One name, one key, the logs it serves and what it saw of them."""

    def __init__(
        self,
        *,
        name: str,
        key: Ed25519PrivateKey,
        logs: Iterable[str],
        state: WitnessState,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Serve the logs of these verifier keys; one log may have several.

        Raises:
            UsageError: the name or a verifier key is none, or there is no log to serve.
        """
        self.verifier: Final[VerifierKey] = verifier_key(name, key, kind=COSIGNATURE)
        """What those who trust this witness pin."""
        self._key = key
        self._logs: dict[str, list[VerifierKey]] = {}
        for vkey in map(parse_vkey, logs):
            if vkey.kind != ED25519:
                raise UsageError(f"{vkey} is a witness's key, not a log's.", hint="Give the log's own key.")
            self._logs.setdefault(vkey.name, []).append(vkey)
        if not self._logs:
            raise UsageError("The witness has no log to serve.", hint="Name one: --log VKEY.")
        self._state = state
        self._clock = clock
        self._one_at_a_time = threading.Lock()
        self._told: set[Checkpoint] = set()

    def add_checkpoint(self, body: bytes) -> Answer:
        """Return the cosignature's line, or what is wrong."""
        try:
            submission = parse_submission(body)
            note = parse_note(submission.note)
            new = parse_checkpoint(note.text)
        except VerificationError as error:
            return Answer(status=400, body=f"{error.message}\n")
        keys = self._logs.get(new.origin)
        if keys is None:
            return Answer(status=404, body="This witness does not serve that log.\n")
        signed = _signed_by(note, keys)
        if not signed.signatures:
            return Answer(status=403, body="No key of that log signed the checkpoint.\n")
        if submission.old_size > new.size:
            return Answer(status=400, body="The checkpoint is smaller than the size the proof begins with.\n")
        with self._one_at_a_time:
            return self._judge(submission, signed, new)

    def last_note(self, origin_digest: str) -> str | None:
        """Return the note cosigned last of the log whose name has this SHA-256 in hex; ``None`` when there is none."""
        for origin in self._logs:
            if hashlib.sha256(origin.encode()).hexdigest() == origin_digest:
                seen = self._state.last(origin)
                return None if seen is None else seen.note
        return None

    def _judge(self, submission: Submission, note: Note, new: Checkpoint) -> Answer:
        seen = self._state.last(new.origin)
        last = Checkpoint(origin=new.origin, size=0, root=EMPTY_ROOT) if seen is None else seen.checkpoint
        if submission.old_size != last.size:
            return _conflict(last)
        if new.size == last.size and new.root != last.root:
            self._tell("Two roots at one size", seen, note, new)
            return _conflict(last)
        if not _continues(last, new, submission.proof):
            self._tell("A proof that leads nowhere", seen, note, new)
            return Answer(status=422, body="The proof does not lead from the last checkpoint to this one.\n")
        line = cosign(note.text, self.verifier.name, self._key, int(self._clock()))
        whole = format_note(Note(text=note.text, signatures=(*note.signatures, line)))
        try:
            self._state.remember(Seen(checkpoint=new, note=whole))
        except StateError as error:
            _LOG.critical("%s", error)
            return Answer(status=503, body="The witness cannot remember, so it does not cosign.\n")
        return Answer(status=200, body=f"{line}\n")

    def _tell(self, what: str, seen: Seen | None, note: Note, new: Checkpoint) -> None:
        """Write both notes down, once for each checkpoint: whoever repeats a request must not fill the disk."""
        if new not in self._told and len(self._told) < _MOST_TOLD:
            self._told.add(new)
            _LOG.error("%s. Seen before: %r. Now: %r.", what, "" if seen is None else seen.note, format_note(note))


def _signed_by(note: Note, keys: Iterable[VerifierKey]) -> Note:
    """Return the note with those lines alone that one of the keys made."""
    lone = [Note(text=note.text, signatures=(line,)) for line in note.signatures]
    known = tuple(each.signatures[0] for each in lone if any(verify_note(each, key) for key in keys))
    return Note(text=note.text, signatures=known)


def _continues(last: Checkpoint, new: Checkpoint, proof: tuple[bytes, ...]) -> bool:
    if new.size == last.size:
        return not proof and new.root == last.root
    if last.size == 0:
        return not proof
    return verify_consistency(
        old_size=last.size, old_root=last.root, new_size=new.size, new_root=new.root, proof=proof
    )


def _conflict(last: Checkpoint) -> Answer:
    return Answer(status=409, body=f"{last.size}\n", media_type=SIZE_TYPE)
