"""A training record as one line of JSON, and what identifies its content.

Law: a record of a file of JSON lines is the very text that was read; one from another format is that record as JSON,
and reading the line gives the record back (moments of Parquet become ISO 8601 text, decimals their digits, bytes
base64, since JSON has none of them). The digest is over the value: spelling and order of keys do not change it.
"""

import base64
import json
from collections.abc import Iterator
from datetime import date, time
from decimal import Decimal
from pathlib import Path

from gatekeeper.core.digests import Digest, sha256_bytes
from gatekeeper.core.errors import InputError
from gatekeeper.intake.records import damage_named, format_of, json_lines, read_records
from gatekeeper.intake.strict_json import StrictJsonError, parse_json


def read_texts(path: Path) -> Iterator[str]:
    """Yield the records of a training file in file order, each as one line without its end.

    Raises:
        UsageError, InputError: as :func:`gatekeeper.intake.records.read_records`.
    """
    if format_of(path) == "jsonl":
        with damage_named(path):
            for _place, text, record in json_lines(path):
                # A carriage return between two tokens would end the line for some readers.
                yield as_text(record) if "\r" in text else text
        return
    for _place, record in read_records(path):
        yield as_text(record)


def as_text(record: dict[str, object]) -> str:
    """Return a record as one line of JSON.

    Raises:
        InputError: it holds a value that JSON cannot say.
    """
    try:
        return json.dumps(record, ensure_ascii=False, default=_plain)
    except (TypeError, ValueError) as error:
        raise InputError(
            f"A record holds something that JSON cannot say: {error}.", hint="Leave that column out."
        ) from error


def content_digest(text: str) -> Digest:
    """Return the digest of a record's content.

    Args:
        text: the record as JSON.

    Raises:
        InputError: it is none.
    """
    try:
        value = parse_json(text)
    except StrictJsonError as error:
        raise InputError(f"A record is no JSON: {error}.", hint="Write the row as it was read.") from error
    return value_digest(value)


def value_digest(value: object) -> Digest:
    """Return :func:`content_digest` of a value that was read from JSON already."""
    return sha256_bytes(json.dumps(value, sort_keys=True, separators=(",", ":")).encode())


def _plain(value: object) -> str:
    match value:
        case date() | time():
            return value.isoformat()
        case Decimal():
            return str(value)
        case bytes():
            return base64.standard_b64encode(value).decode()
    raise TypeError(f"{type(value).__name__} has no form in JSON")
