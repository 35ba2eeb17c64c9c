"""One stable pseudonym per person: distinct people can be counted, and nobody can be named without the key."""

import hashlib
import hmac
import unicodedata
from typing import Final

from gatekeeper.core.errors import UsageError

KEY_BYTES: Final = 32
"""Length of the key."""


def pseudonym(key: bytes, person: str) -> str:
    """Return ``person:`` and 64 hexadecimal digits: HMAC-SHA256 of who it is.

    Spelling that people do not see (surrounding spaces, letter case, Unicode form) does not make a second person of
    one, since approvers are counted by pseudonym.

    Args:
        key: this installation's, 32 bytes.
        person: the name or address by which the installation knows them.

    Raises:
        UsageError: ``person`` is empty.
        RuntimeError: the key has another length.
    """
    if len(key) != KEY_BYTES:
        raise RuntimeError(f"a pseudonym key has {KEY_BYTES} bytes, not {len(key)}")
    known_as = unicodedata.normalize("NFKC", " ".join(person.split())).casefold()
    if not known_as:
        raise UsageError("A person needs a name.", hint="Say who you are, for example with your e-mail address.")
    return "person:" + hmac.new(key, known_as.encode(), hashlib.sha256).hexdigest()
