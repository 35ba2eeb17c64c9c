"""What a log sends to a witness: the size the witness saw last, a proof from there, and the new checkpoint.

Source: C2SP ``tlog-witness``, ``add-checkpoint``. Reading is strict: one spelling.
"""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from gatekeeper.core.errors import VerificationError

PATH: Final = "/add-checkpoint"
SIZE_TYPE: Final = "text/x.tlog.size"
"""Media type of the answer that names the size the witness saw last."""
MOST_PROOF_LINES: Final = 63
MOST_BYTES: Final = 1 << 16
"""Of a request, and of an answer."""

_OLD: Final = re.compile(r"old (0|[1-9][0-9]{0,17})")
_HASH_BYTES: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """One request for a cosignature."""

    old_size: int
    """Leaves, at the checkpoint the proof begins with."""
    proof: tuple[bytes, ...]
    """Consistency proof, hashes of 32 bytes."""
    note: str
    """The new checkpoint, signed by the log."""


def format_submission(submission: Submission) -> bytes:
    """Return the request's body; law: ``parse_submission(format_submission(s)) == s``."""
    lines = [f"old {submission.old_size}", *map(_encode, submission.proof), ""]
    return ("\n".join(lines) + "\n" + submission.note).encode()


def parse_submission(body: bytes) -> Submission:
    """Return the submission of a request's body.

    Raises:
        VerificationError: it is none, or is spelled in another way.
    """
    wrong = VerificationError("This is no request for a cosignature.")
    if len(body) > MOST_BYTES:
        raise wrong
    try:
        head, blank, note = body.decode().partition("\n\n")
    except UnicodeDecodeError as error:
        raise wrong from error
    first, *lines = head.split("\n")
    old = _OLD.fullmatch(first)
    if not blank or old is None or len(lines) > MOST_PROOF_LINES:
        raise wrong
    return Submission(old_size=int(old[1]), proof=decode_hashes(lines), note=note)


def decode_hashes(lines: Sequence[str]) -> tuple[bytes, ...]:
    """Return the hashes of base64 lines.

    Raises:
        VerificationError: a line is no hash of 32 bytes, or is spelled in another way.
    """
    hashes = []
    for line in lines:
        try:
            decoded = base64.b64decode(line, validate=True)
        except (binascii.Error, ValueError) as error:
            raise VerificationError("A line of the proof is no hash.") from error
        if len(decoded) != _HASH_BYTES or _encode(decoded) != line:
            raise VerificationError("A line of the proof is no hash.")
        hashes.append(decoded)
    return tuple(hashes)


def _encode(hashed: bytes) -> str:
    return base64.standard_b64encode(hashed).decode()
