"""What the service keeps beside the record: who may call it, and what it answered to a repeatable request."""

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from gatekeeper.core.digests import Plain
from gatekeeper.store.columns import CanonicalJson, ExactBytes, UtcDateTime
from gatekeeper.store.tables.root import DIGEST, ID, NAME, PSEUDONYM, Table


class TokenRow(Table):
    """A token of the service. The token itself is nowhere: it is random, so its plain digest gives nothing away."""

    __tablename__ = "tokens"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    digest: Mapped[str] = mapped_column(DIGEST, unique=True)
    """SHA-256 of the token's text."""
    holder: Mapped[str] = mapped_column(PSEUDONYM, index=True)
    roles: Mapped[Plain] = mapped_column(CanonicalJson, nullable=False)
    """List of words: what the token may be used for, as far as its holder still may."""
    created: Mapped[datetime] = mapped_column(UtcDateTime)
    expires: Mapped[datetime] = mapped_column(UtcDateTime)
    last_used: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """To the minute; ``None`` before the first time."""
    revoked: Mapped[datetime | None] = mapped_column(UtcDateTime)


class AnswerRow(Table):
    """What was answered to a request that came with a key of its caller's, so that a repetition does nothing twice."""

    __tablename__ = "answers"

    holder: Mapped[str] = mapped_column(PSEUDONYM, primary_key=True)
    key: Mapped[str] = mapped_column(NAME, primary_key=True)
    """The caller's ``Idempotency-Key``."""
    request: Mapped[str] = mapped_column(DIGEST)
    """Digest of method, path and body."""
    claim: Mapped[str] = mapped_column(ID)
    """Whoever works on it; the answer is taken from nobody else."""
    status: Mapped[int | None]
    """HTTP status; ``None`` while the request is worked on."""
    headers: Mapped[Plain] = mapped_column(CanonicalJson, nullable=False)
    media: Mapped[str | None] = mapped_column(String(128))
    body: Mapped[bytes | None] = mapped_column(ExactBytes)
    begun: Mapped[datetime] = mapped_column(UtcDateTime)
    expires: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    """From when on the key may be used for something else."""


class SessionRow(Table):
    """Somebody who signed in. What the browser holds is nowhere: it is random, and kept as its plain digest."""

    __tablename__ = "sessions"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    digest: Mapped[str] = mapped_column(DIGEST, unique=True)
    """SHA-256 of what the browser, or the caller, holds."""
    bearer: Mapped[bool]
    """Whether it is sent as a token, by a program of its person's; else as a cookie, by a browser."""
    holder: Mapped[str] = mapped_column(PSEUDONYM, index=True)
    token: Mapped[str | None] = mapped_column(DIGEST)
    """Of the token it was begun with, by its id, or of single-user mode; ``None`` after a log-in at a provider."""
    log_in: Mapped[Plain] = mapped_column(CanonicalJson, nullable=False)
    """What the provider said, without a name; empty where a token was typed in."""
    begun: Mapped[datetime] = mapped_column(UtcDateTime)
    seen: Mapped[datetime] = mapped_column(UtcDateTime)
    """Last use, to the minute."""
    ends: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    """However much it is used."""
    ended: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When somebody ended it."""


class SpentRow(Table):
    """Something that counts once, and was used: the state of a log-in that came back."""

    __tablename__ = "spent"

    digest: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    expires: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
    """From when on it counts no more in any case."""
