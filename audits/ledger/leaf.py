"""What may stand in a leaf, and how it is written.

A leaf is RFC 8785 JSON ``{v, seq, ts, type, actor, subject, data}`` with numbers that are not whole as decimal
strings. Names and free text stay out, because a leaf can never be erased: an actor is a pseudonym or a service, and
every string is one *token*, without spaces and without the shape of an address. Whether a token is somebody's name no
program can tell, so callers put names of their users' choosing through :func:`label` and paths and messages through a
digest.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from audits.ledger.events import EVENTS, Event
from gatekeeper.core.digests import Plain, canonical, decimals, sha256_bytes

VERSION: Final = 1
"""Of the leaf's own format."""

_ACTOR: Final = re.compile(r"person:[0-9a-f]{64}|service:[a-z0-9][a-z0-9._-]{0,62}")
_TOKEN: Final = re.compile(r"[A-Za-z0-9+\-][A-Za-z0-9._:+\-]{0,127}(/[A-Za-z0-9._:+\-]{1,128}){0,3}")
_LONGEST: Final = 160
_DEEPEST: Final = 4


def is_token(text: str) -> bool:
    """Return whether ``text`` may stand in a leaf: a digest, an id, a decimal, a gate, a moment or a plain name."""
    return len(text) <= _LONGEST and _TOKEN.fullmatch(text) is not None


def label(text: str) -> str:
    """Return ``text`` where it is a token, else its digest: for names that users choose, such as a model's."""
    return text if is_token(text) else sha256_bytes(text.encode())


def moment(at: datetime) -> str:
    """Return a moment as leaves write it: RFC 3339 in UTC, to the microsecond, with ``Z``.

    Raises:
        RuntimeError: it carries no zone.
    """
    if at.tzinfo is None:
        raise RuntimeError("a moment without a time zone cannot stand in a leaf")
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def write_leaf(*, seq: int, ts: datetime, type: Event, actor: str, subject: str, data: Mapping[str, object]) -> bytes:
    """Return the bytes of a leaf.

    Raises:
        RuntimeError: the caller tried to write something a leaf may not hold, or other keys than the type records.
    """
    if _ACTOR.fullmatch(actor) is None:
        raise RuntimeError("an actor is a pseudonym (person:…) or a service (service:…)")
    if not is_token(subject):
        raise RuntimeError("a subject is one id, without spaces")
    if set(data) != EVENTS[type]:
        raise RuntimeError(f"{type} records exactly {sorted(EVENTS[type])}, not {sorted(data)}")
    plain_data = decimals(data)
    _require_tokens(plain_data, at=type.value, depth=0)
    return canonical(
        {
            "v": VERSION,
            "seq": seq,
            "ts": moment(ts),
            "type": type.value,
            "actor": actor,
            "subject": subject,
            "data": plain_data,
        }
    )


def _require_tokens(value: Plain, *, at: str, depth: int) -> None:
    """Walk the data and refuse the first string that is no token; the message names the place, not the string."""
    if depth > _DEEPEST:
        raise RuntimeError(f"data at {at} is nested too deeply for a leaf")
    match value:
        case str():
            if not is_token(value):
                raise RuntimeError(f"text at {at} may not stand in a leaf: use an id, a digest or label()")
        case list():
            for index, item in enumerate(value):
                _require_tokens(item, at=f"{at}[{index}]", depth=depth + 1)
        case dict():
            for key, item in value.items():
                if not is_token(key):
                    raise RuntimeError(f"a key at {at} may not stand in a leaf: use an id, a digest or label()")
                _require_tokens(item, at=f"{at}.{key}", depth=depth + 1)
