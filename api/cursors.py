"""Cursors: where a page ended, as one word that callers hand back and need not read."""

import base64
import json
from datetime import UTC, datetime

from api.problems import Problem
from gatekeeper.store.listing import Place


def cursor_of(place: Place) -> str:
    """Return the cursor of a place; law: ``place_of(cursor_of(p)) == p``."""
    text = json.dumps([place.created.astimezone(UTC).isoformat(), place.id])
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def place_of(cursor: str) -> Place:
    """Return the place of a cursor.

    Raises:
        Problem: it is none.
    """
    try:
        created, update_id = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        moment = datetime.fromisoformat(created)
        if moment.tzinfo is None or not isinstance(update_id, str) or "\x00" in update_id:
            raise ValueError(cursor)
        place = Place(created=moment.astimezone(UTC), id=update_id)
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise Problem("payload", "The cursor is none of ours.", hint="Begin without one.") from error
    return place
