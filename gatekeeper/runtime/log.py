"""Log lines as JSON objects, one a line, with the ids they are about as fields of their own."""

import json
import logging
from datetime import UTC, datetime
from typing import Final

FIELDS: Final = ("run", "update", "worker", "attempt", "gate", "point", "device")
"""What a line may say beside its sentence, given with ``extra=``."""


class JsonLines(logging.Formatter):
    """Formats a record as one JSON object."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the object; a traceback becomes one string in it."""
        said: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname.lower(),
            "says": record.getMessage(),
        }
        said.update({name: getattr(record, name) for name in FIELDS if getattr(record, name, None) is not None})
        if record.exc_info:
            said["traceback"] = self.formatException(record.exc_info)
        return json.dumps(said, ensure_ascii=False)
