"""Who gave a row, when, and how they labelled it, from the columns such rows commonly carry.

A column is looked for in the record itself, then under ``metadata`` or ``meta``; the first name of its list that holds
something readable counts. What cannot be read is left out and never guessed: the gates that need it count the rows
that have it. Names are compared in lower case.
"""

import math
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import TypeVar

from gatekeeper.core.rows import NO_PROVENANCE, Provenance

T = TypeVar("T")

CONTRIBUTOR_FIELDS = (
    "contributor",
    "contributor_id",
    "annotator",
    "annotator_id",
    "worker_id",
    "user_id",
    "user",
    "author",
    "source",
)
"""The person before the collection: a row with a user and a source comes from the user."""
TIME_FIELDS = ("timestamp", "created_at", "submitted_at", "created", "time", "date")
LABEL_FIELDS = ("label", "rating", "feedback", "score")
_NESTED = ("metadata", "meta")
_LONGEST = 512
"""Characters of a contributor, a time or a label; what is longer is a text and no name."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS = (1e8, 1e11)
"""1973 to 5138: numbers below are no times, numbers above count milliseconds."""
_LATEST = 1e14
"""Milliseconds up to the year 5138."""


def read_provenance(record: Mapping[str, object]) -> Provenance:
    """Return what a record says about where it comes from; never raises."""
    flat = _flat(record)
    contributor = _first(flat, CONTRIBUTOR_FIELDS, read_name)
    at = _first(flat, TIME_FIELDS, read_time)
    label = _first(flat, LABEL_FIELDS, read_label)
    if contributor is None and at is None and label is None:
        return NO_PROVENANCE
    return Provenance(contributor=contributor, at=at, label=label)


def read_name(value: object) -> str | None:
    """Return a contributor: a short text without its outer white space, or a whole number as text."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    try:
        text = " ".join(str(value).split())
        text.encode()
    except ValueError:  # an integer of too many digits; half a surrogate pair
        return None
    return text if 0 < len(text) <= _LONGEST else None


def read_label(value: object) -> str | None:
    """Return a label: a short text in lower case, a truth value, or a finite number; 1 and 1.0 are the same."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.6g}" if math.isfinite(value) else None
    name = read_name(value)
    return None if name is None else name.casefold()


def read_time(value: object) -> datetime | None:
    """Return a time in UTC.

    Args:
        value: ISO 8601 (without an offset it is taken for UTC), a date, or seconds or milliseconds since 1970 as a
            number or as digits.
    """
    if isinstance(value, str):
        text = value.strip()
        if not text or len(text) > _LONGEST:
            return None
        try:
            return _from_number(float(text)) if text[0] in "0123456789" and _is_number(text) else _from_iso(text)
        except ValueError:
            return None
    if isinstance(value, datetime):
        return _utc(value)
    if isinstance(value, date):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return _from_number(value)
    return None


def _is_number(text: str) -> bool:
    """Return whether it is a count of seconds or milliseconds and no compact date such as ``20260101``."""
    whole = text.partition(".")[0]
    return whole.isdecimal() and whole.isascii() and len(whole) >= len("100000000")


def _from_iso(text: str) -> datetime | None:
    return _utc(datetime.fromisoformat(text))


def _from_number(value: float) -> datetime | None:
    if not _SECONDS[0] <= value < _LATEST:  # false for NaN too
        return None
    seconds = float(value) if value < _SECONDS[1] else value / 1000
    return _EPOCH + timedelta(seconds=seconds)


def _utc(value: datetime) -> datetime | None:
    try:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    except (OverflowError, ValueError):  # the first or last hours of the calendar
        return None


def _flat(record: Mapping[str, object]) -> list[dict[str, object]]:
    inner = [record.get(name) for name in _NESTED]
    return [
        {str(key).lower(): value for key, value in level.items()}
        for level in (record, *inner)
        if isinstance(level, Mapping)
    ]


def _first(levels: list[dict[str, object]], names: tuple[str, ...], reader: Callable[[object], T | None]) -> T | None:
    for level in levels:
        for name in names:
            if name in level and (found := reader(level[name])) is not None:
                return found
    return None
