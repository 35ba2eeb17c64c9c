"""Who is signed in: kept in this process alone, found by the digest of an id that only the browser knows.

A session holds the token it was begun with, so that every request asks again whether that token still counts. When the
process ends, so do all sessions.
"""

import hmac
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from gatekeeper.core.digests import Digest, sha256_bytes

LASTS: Final = timedelta(hours=8)
_MOST: Final = 10_000
"""Sessions at once; the oldest goes when another begins."""
_BYTES: Final = 32
_LONGEST: Final = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Somebody who signed in."""

    token: str = field(repr=False)
    word: str = field(repr=False)
    """What each of this session's forms carries, and nobody else can know."""
    ends: datetime


class Sessions:
    """The sessions of one process."""

    def __init__(self, *, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._now = now
        self._kept: dict[Digest, Session] = {}
        self._lock = threading.Lock()
        self._key = secrets.token_bytes(_BYTES)

    def begin(self, token: str) -> tuple[str, Session]:
        """Begin a session; return its id, 256 random bits that are written down nowhere, and what is kept."""
        id_ = secrets.token_urlsafe(_BYTES)
        session = Session(token=token, word=secrets.token_urlsafe(_BYTES), ends=self._now() + LASTS)
        with self._lock:
            now = self._now()
            self._kept = {key: each for key, each in self._kept.items() if each.ends > now}
            while len(self._kept) >= _MOST:
                del self._kept[next(iter(self._kept))]
            self._kept[_key(id_)] = session
        return id_, session

    def find(self, id_: str | None) -> Session | None:
        """Return the session of that id; ``None`` where there is none, or none any more."""
        if not id_ or len(id_) > _LONGEST:
            return None
        with self._lock:
            session = self._kept.get(_key(id_))
            if session is not None and session.ends <= self._now():
                del self._kept[_key(id_)]
                return None
            return session

    def end(self, id_: str | None) -> None:
        """End a session, if there is one."""
        if id_:
            with self._lock:
                self._kept.pop(_key(id_), None)

    def word_at_the_door(self, cookie: str) -> str:
        """Return what the sign-in form carries for a browser with this cookie, before there is a session."""
        return hmac.new(self._key, cookie.encode(), "sha256").hexdigest()


def new_cookie() -> str:
    """Return 256 random bits for a browser that nobody signed in with."""
    return secrets.token_urlsafe(_BYTES)


def same(given: str, expected: str) -> bool:
    """Return whether a form carries the word it should, without saying by the time taken how nearly it does."""
    return hmac.compare_digest(given.encode(), expected.encode())


def _key(id_: str) -> Digest:
    return sha256_bytes(id_.encode())
