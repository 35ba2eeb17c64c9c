"""Log lines on standard error, each with the ids that it is about: JSON, one object a line, or text.

A line may say more beside its sentence: what is given with ``extra=``, what the present request or run noted
(:func:`noting`, :func:`note`), and where it stands in a trace. Ids only: no names, no addresses, no bodies.
"""

import json
import logging
import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Final, Literal

from gatekeeper.core.spans import here
from gatekeeper.core.traceparent import TraceParent

FIELDS: Final = (
    "run",
    "update",
    "worker",
    "attempt",
    "gate",
    "point",
    "device",
    "request",
    "token",
    "method",
    "route",
    "status",
    "seconds",
)
"""What a line may say beside its sentence, given with ``extra=``."""

Form = Literal["json", "text"]

_LONGEST: Final = 2000
_ID: Final = re.compile(r"[a-z]{2,8}-[0-9a-f]{8,64}")
_NOTED: ContextVar[dict[str, object] | None] = ContextVar("gatekeeper_noted", default=None)


@contextmanager
def noting() -> Iterator[dict[str, object]]:
    """Begin something whose lines share ids, and give where they are kept."""
    kept: dict[str, object] = {}
    token = _NOTED.set(kept)
    try:
        yield kept
    finally:
        _NOTED.reset(token)


def note(**ids: object) -> None:
    """Let every later line of the present request or run carry these ids; ``None`` is left out."""
    kept = _NOTED.get()
    if kept is not None:
        kept.update({name: value for name, value in ids.items() if value is not None})


def known_id(text: object) -> str | None:
    """Return a text that has the shape of an id of ours; ``None`` for anything else that somebody may have sent."""
    return text if isinstance(text, str) and _ID.fullmatch(text) else None


def fields_of(record: logging.LogRecord) -> dict[str, object]:
    """Return what a line says beside its sentence."""
    said = dict(_NOTED.get() or {})
    said.update({name: value for name in FIELDS if (value := getattr(record, name, None)) is not None})
    if (place := TraceParent.read(here())) is not None:
        said["trace_id"], said["span_id"] = place.trace_id, place.span_id
    return said


class JsonLines(logging.Formatter):
    """Formats a record as one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the object; a traceback becomes one string in it."""
        said: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "says": record.getMessage(),
        }
        said.update(fields_of(record))
        if record.exc_info:
            said["traceback"] = self.formatException(record.exc_info)
        return json.dumps(said, ensure_ascii=False, default=str)


class TextLines(logging.Formatter):
    """Formats a record for people: moment, level, sentence, ids."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line; control characters in it are escaped, so that nothing can forge another line."""
        moment = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="seconds")
        ids = " ".join(f"{name}={value}" for name, value in fields_of(record).items())
        line = f"{moment} {record.levelname.lower()} {record.getMessage()[:_LONGEST]} {ids}".rstrip()
        safe = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in line)
        return f"{safe}\n{self.formatException(record.exc_info)}" if record.exc_info else safe


def to_stderr(form: Form, *loggers: str, level: int = logging.INFO) -> None:
    """Let these loggers write lines to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    for name in loggers:
        log = logging.getLogger(name)
        log.addHandler(handler)
        log.setLevel(level)
