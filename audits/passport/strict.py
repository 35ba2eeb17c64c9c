"""JSON in exactly one spelling: a text counts only when it is its own RFC 8785 form, and has the fields it must have.

So no byte can be changed without changing what is said, no key can stand twice, and no reader sees another value.
"""

import base64
import binascii
import json
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from audits.passport.dsse import MOST_BYTES
from gatekeeper.core.digests import canonical
from gatekeeper.core.errors import VerificationError

_T = TypeVar("_T")


def read_strict(text: str | bytes, shape: TypeAdapter[_T], *, what: str) -> _T:
    """Return the value that a text holds, checked against its shape.

    Args:
        text: RFC 8785 JSON.
        shape: what it must hold, without a field more or less.
        what: what it is called, with its article, in errors.

    Raises:
        VerificationError: too long, no JSON, another spelling of it, or another shape.
    """
    if len(text) > MOST_BYTES:
        raise VerificationError(f"This is too long to be {what}.", hint=f"At most {MOST_BYTES} bytes are read.")
    try:
        data = text.encode() if isinstance(text, str) else text
        read = json.loads(data.decode())
        spelled = canonical(read)
    except (ValueError, TypeError, RecursionError) as error:
        raise VerificationError(f"This is not {what}: it is no plain JSON.") from error
    if spelled != data:
        raise VerificationError(f"This is not {what} as one is written: it is not in its canonical form.")
    try:
        # Tuples are lists in JSON: only the JSON mode of a strict shape takes one for the other.
        return shape.validate_json(data)
    except (ValidationError, RecursionError) as error:
        raise VerificationError(f"This is not {what}: {_first(error)}.") from error


def decode(text: str) -> bytes:
    """Return the bytes of standard base64 in its one spelling.

    Raises:
        VerificationError: it is none.
    """
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise VerificationError("Something in the passport is no base64.") from error
    if encode(raw) != text:
        raise VerificationError("Something in the passport is base64 in another spelling.")
    return raw


def encode(raw: bytes) -> str:
    """Return bytes as standard base64."""
    return base64.standard_b64encode(raw).decode()


def _first(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return "nested too deeply"
    found = error.errors()[0]
    return f"{'.'.join(str(part) for part in found['loc'])}: {found['msg']}"[:200]
