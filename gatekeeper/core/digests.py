"""Content identity: SHA-256 over bytes, and over RFC 8785 JSON for values.

Laws: ``digest_of(x) == digest_of(y)`` when ``plain(x) == plain(y)``; a digest is always ``sha256:`` and 64 lower-case
hexadecimal digits.
"""

import dataclasses
import hashlib
import math
from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import NewType, TypeAlias

import rfc8785

Digest = NewType("Digest", str)
"""``sha256:`` followed by 64 lower-case hexadecimal digits."""

Plain: TypeAlias = "None | bool | int | float | str | list[Plain] | dict[str, Plain]"
"""What RFC 8785 can write: no NaN, no infinity, no integer beyond 2**53."""

_CHUNK = 1 << 20


def sha256_bytes(data: bytes) -> Digest:
    """Return the digest of ``data``."""
    return Digest("sha256:" + hashlib.sha256(data).hexdigest())


def sha256_file(path: Path) -> Digest:
    """Return the digest of a file's bytes, read in pieces of 1 MiB.

    Raises:
        OSError: the file cannot be read.
    """
    hasher = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            hasher.update(chunk)
    return Digest("sha256:" + hasher.hexdigest())


def plain(value: object) -> Plain:
    """Return ``value`` as JSON types: dataclasses become objects, enums their values, non-finite floats strings."""
    match value:
        case Enum():
            return plain(value.value)
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else repr(value)
        case Path():
            return value.as_posix()
        case datetime():
            return value.isoformat()
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case frozenset() | set():
            return sorted((plain(item) for item in value), key=repr)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    raise TypeError(f"{type(value).__name__} has no plain JSON form")


def decimals(value: object) -> Plain:
    """Return :func:`plain` with every float written as its shortest decimal string, so that no reader rounds it."""
    result = plain(value)
    return _decimals(result)


def _decimals(value: Plain) -> Plain:
    match value:
        case float():
            return repr(value)
        case list():
            return [_decimals(item) for item in value]
        case dict():
            return {key: _decimals(item) for key, item in value.items()}
    return value


def canonical(value: object) -> bytes:
    """Return RFC 8785 JSON of :func:`plain` of ``value``."""
    return rfc8785.dumps(plain(value))


def digest_of(value: object) -> Digest:
    """Return the digest of :func:`canonical` of ``value``."""
    return sha256_bytes(canonical(value))
