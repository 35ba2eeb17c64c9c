"""Who is signed in: kept in the database by the digest of an id that only the browser knows.

So a session outlives the process, counts in every process of the installation, and can be ended from any of them. It
ends when nobody uses it, after some hours in any case, with the token it was begun with, and with its person's line in
``principals.toml``. Nothing that is kept lets anybody in.
"""

import hmac
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from gatekeeper.core.digests import Digest, Plain, sha256_bytes
from gatekeeper.store import sessions
from gatekeeper.store.database import Store

LASTS: Final = timedelta(hours=8)
IDLE: Final = timedelta(hours=1)
_BYTES: Final = 32
_LONGEST: Final = 200

BEARER: Final = "gl_"
"""What a token of a log-in begins with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Somebody who signed in."""

    id: str
    """Names it in the record; lets nobody in."""
    holder: str
    """Pseudonym of who it is."""
    token: str | None
    """What stands for the token it was begun with; ``None`` after a log-in."""
    log_in: Mapping[str, Plain]
    """What the provider said; empty where a token was typed in."""
    word: str = field(repr=False)
    """What each of this session's forms carries, and nobody else can know."""
    ends: datetime


class Sessions:
    """The sessions of an installation."""

    def __init__(
        self,
        store: Store,
        *,
        lasts: timedelta = LASTS,
        idle: timedelta = IDLE,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._store = store
        self.lasts = lasts
        self._idle = idle
        self.now = now

    def begin(
        self,
        holder: str,
        *,
        token: str | None = None,
        log_in: Mapping[str, Plain] | None = None,
        former: str | None = None,
    ) -> str:
        """Begin a session; return its id for the browser, 256 random bits that are written down nowhere.

        Args:
            holder: pseudonym of who signed in.
            token: what stands for their token; ``None`` after a log-in.
            log_in: what the provider said.
            former: what the browser held before: that session ends.
        """
        id_, now = secrets.token_urlsafe(_BYTES), self.now()
        with self._store.transaction() as session:
            if former:
                sessions.end(session, _key(former), now=now)
            sessions.begin(
                session, _key(id_), holder=holder, token=token, log_in=log_in or {}, now=now, ends=now + self.lasts
            )
        return id_

    def begin_bearer(self, of: Session, *, ends: datetime) -> str:
        """Begin a session that a program of the same person uses as its token; return the token."""
        token, now = BEARER + secrets.token_urlsafe(_BYTES), self.now()
        with self._store.transaction() as session:
            sessions.begin(
                session,
                _key(token),
                holder=of.holder,
                token=None,
                log_in=of.log_in,
                now=now,
                ends=min(ends, of.ends),
                bearer=True,
            )
        return token

    def find(self, id_: str | None, *, bearer: bool = False) -> Session | None:
        """Return the session of that id; ``None`` where there is none, or none any more."""
        if not id_ or len(id_) > _LONGEST:
            return None
        now = self.now()
        with self._store.reading() as session:
            row = sessions.find(session, _key(id_), bearer=bearer, now=now, idle=self._idle)
        if row is None:
            return None
        if not sessions.is_noted(row, now=now):
            with self._store.transaction() as session:
                sessions.used(session, row.id, now=now)
        return Session(
            id=row.id,
            holder=row.holder,
            token=row.token,
            log_in=row.log_in if isinstance(row.log_in, dict) else {},
            word=_word(id_, "form"),
            ends=row.ends,
        )

    def end(self, id_: str | None) -> None:
        """End a session, if there is one."""
        if id_:
            with self._store.transaction() as session:
                sessions.end(session, _key(id_), now=self.now())

    def end_all(self, holder: str) -> int:
        """End every session of one person; return how many that were."""
        with self._store.transaction() as session:
            return sessions.end_all(session, holder, now=self.now())

    def first_time(self, secret: str, *, lasts: timedelta) -> bool:
        """Return whether something that counts once is used for the first time, in whatever process."""
        now = self.now()
        with self._store.transaction() as session:
            return sessions.spend(session, _key(secret), now=now, expires=now + lasts)

    @staticmethod
    def word_at_the_door(cookie: str) -> str:
        """Return what the sign-in form carries for a browser with this cookie, before there is a session."""
        return _word(cookie, "door")


def new_cookie() -> str:
    """Return 256 random bits for a browser that nobody signed in with."""
    return secrets.token_urlsafe(_BYTES)


def same(given: str, expected: str) -> bool:
    """Return whether a form carries the word it should, without saying by the time taken how nearly it does."""
    return hmac.compare_digest(given.encode(), expected.encode())


def _key(id_: str) -> Digest:
    return sha256_bytes(id_.encode())


def _word(secret: str, what: str) -> str:
    """Return a word that only whoever holds the secret can know, the same in every process."""
    return hmac.new(secret.encode(), f"gatekeeper {what}".encode(), "sha256").hexdigest()
