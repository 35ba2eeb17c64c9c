"""Ask a witness for its cosignature, over HTTP, without following it anywhere else.

A witness that cannot be reached, or answers nonsense, is a ``StateError``; one that has seen another size is a
:class:`SizeConflict`; one that says our log does not continue what it saw is a ``VerificationError``.
"""

import re
from collections.abc import Sequence
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import Final
from urllib.parse import urlsplit

from audits.ledger.checkpoint import parse_checkpoint
from audits.ledger.note import parse_note, parse_signature
from audits.witness.wire import MOST_BYTES, PATH, Submission, format_submission
from gatekeeper.core.errors import StateError, UsageError, VerificationError

PATIENCE: Final = 10.0
"""Seconds to wait for each step of a call."""

_SIZE: Final = re.compile(r"(0|[1-9][0-9]{0,17})\n")


class SizeConflict(StateError):
    """The witness saw another size last than the one our proof begins with."""

    def __init__(self, url: str, size: int) -> None:
        super().__init__(
            f"The witness {url} saw the log last when it had {size} entries.", hint="Send the proof from there."
        )
        self.size = size
        """Leaves."""


def cosign_checkpoint(url: str, *, note: str, old_size: int, proof: Sequence[bytes], timeout: float = PATIENCE) -> str:
    """Return the witness's signature line for a checkpoint, not yet verified.

    Args:
        url: the witness's address, such as ``http://witness.example:8787``.
        note: the checkpoint, signed by the log.
        old_size: leaves, at the checkpoint the witness cosigned last; 0 when it never did.
        proof: consistency proof from there; empty for 0.
        timeout: seconds, for each step of the call.

    Raises:
        UsageError: the address is none.
        SizeConflict: the witness saw another size last.
        VerificationError: the witness says that the log does not continue what it saw.
        StateError: the witness cannot be reached, does not serve this log, or answers nonsense.
    """
    size = parse_checkpoint(parse_note(note).text).size
    status, body = _post(url, format_submission(Submission(old_size=old_size, proof=tuple(proof), note=note)), timeout)
    if status == 200:
        return _line(url, body)
    if status == 409:
        seen = _SIZE.fullmatch(body)
        if seen is None:
            raise _nonsense(url)
        if int(seen[1]) == old_size == size:
            raise VerificationError(
                f"The witness {url} saw another root when the log had {size} entries.", hint=_REWRITTEN
            )
        raise SizeConflict(url, int(seen[1]))
    if status == 422:
        raise VerificationError(
            f"The witness {url} says that the log does not continue the {old_size} entries it saw.", hint=_REWRITTEN
        )
    if status in (403, 404):
        raise StateError(f"The witness {url} does not serve this log.", hint="Give it the log's verifier key: --log.")
    raise StateError(f"The witness {url} did not cosign: status {status}.", hint="Its own log says why.")


_REWRITTEN: Final = "The record was rewritten or an older copy restored: stop, and compare with what the witness has."


def _post(url: str, body: bytes, timeout: float) -> tuple[int, str]:
    connection, path = _connection(url, timeout)
    try:
        connection.request("POST", path, body=body, headers={"Content-Type": "text/plain"})
        answer = connection.getresponse()
        content = answer.read(MOST_BYTES + 1)
    except (OSError, HTTPException) as error:
        raise StateError(
            f"The witness {url} cannot be reached: {str(error) or type(error).__name__}.",
            hint="Start it, or ask whoever runs it.",
        ) from error
    finally:
        connection.close()
    try:
        return answer.status, content[:MOST_BYTES].decode()
    except UnicodeDecodeError as error:
        raise _nonsense(url) from error


def _connection(url: str, timeout: float) -> tuple[HTTPConnection, str]:
    wrong = UsageError(f"{url!r} is no address of a witness.", hint="One reads http://witness.example:8787.")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise wrong from error
    if parts.scheme not in ("http", "https") or host is None or parts.query or parts.fragment or parts.username:
        raise wrong
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    return kind(host, port, timeout=timeout), parts.path.rstrip("/") + PATH


def _line(url: str, body: str) -> str:
    line = body.removesuffix("\n")
    try:
        parse_signature(line)
    except VerificationError as error:
        raise _nonsense(url) from error
    return line


def _nonsense(url: str) -> StateError:
    return StateError(
        f"What the witness {url} answered is no cosignature.", hint="Is there a witness at that address?"
    )
