"""Column types that read back exactly what was written, on every database.

Laws: a :class:`UtcDateTime` is aware and in UTC both ways; the text in a :class:`CanonicalJson` column is RFC 8785
JSON, so its SHA-256 is ``digest_of`` of the value; an :class:`ExactBytes` column gives bytes or raises; a :func:`word`
column holds one of an enum's values or raises.
"""

import json
from datetime import UTC, datetime
from enum import StrEnum

from sqlalchemy import DateTime, Dialect, Enum, LargeBinary, Text
from sqlalchemy.types import TypeDecorator

from gatekeeper.core.digests import Plain, canonical

WORD_LENGTH = 32
"""Longest value of any enum kept in a column."""


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment, kept in UTC: SQLite has no zones, so the zone is put back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the moment in UTC.

        Raises:
            RuntimeError: it carries no zone.
        """
        del dialect
        if value is None:
            return None
        if value.tzinfo is None:
            raise RuntimeError("a moment without a time zone cannot be stored")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the moment as aware UTC."""
        del dialect
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class ExactBytes(TypeDecorator[bytes]):
    """Bytes and nothing else: SQLite would also hand back text that someone put in their place."""

    impl = LargeBinary
    cache_ok = True

    def process_result_value(self, value: object, dialect: Dialect) -> bytes | None:
        """Return the bytes.

        Raises:
            ValueError: the column holds something else.
        """
        del dialect
        if value is None or isinstance(value, bytes):
            return value
        raise ValueError(f"a column of bytes holds a value of type {type(value).__name__}")


class CanonicalJson(TypeDecorator[Plain]):
    """A JSON value as its RFC 8785 text, because evidence is compared by the digest of that text."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Plain, dialect: Dialect) -> str:
        """Return RFC 8785 JSON; ``None`` becomes ``null``."""
        del dialect
        return canonical(value).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Plain:
        """Return the value; an absent text is ``None``."""
        del dialect
        read: Plain = None if value is None else json.loads(value)
        return read


def word(kind: type[StrEnum]) -> Enum:
    """Return a text column type for an enum's values: portable, and wide enough for values added later."""
    return Enum(
        kind,
        native_enum=False,
        create_constraint=False,
        length=WORD_LENGTH,
        values_callable=lambda members: [member.value for member in members],
    )
