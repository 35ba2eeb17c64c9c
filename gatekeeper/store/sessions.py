"""Who is signed in: found by the digest of what only their browser holds, for as long as it is used and not too long.

A session is no more than that: whether its person may still do anything is asked with every request.
"""

import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from gatekeeper.core.digests import Digest, Plain
from gatekeeper.store.tables import SessionRow, SpentRow

MOST: Final = 50
"""Sessions of one person at once; the oldest ends when another begins."""

_NOTED_EVERY: Final = timedelta(minutes=1)


def begin(
    session: Session,
    digest: Digest,
    *,
    holder: str,
    token: str | None,
    log_in: Mapping[str, Plain],
    now: datetime,
    ends: datetime,
    bearer: bool = False,
    most: int = MOST,
) -> SessionRow:
    """Write down that somebody signed in; what is over for good is deleted.

    Args:
        session: a transaction.
        digest: SHA-256 of what the browser holds from now on.
        holder: pseudonym of who it is.
        token: what stands for the token it was begun with; ``None`` after a log-in at a provider.
        log_in: what the provider said, without a name.
        now: the present moment.
        ends: when it ends however much it is used.
        bearer: whether it is sent as a token.
        most: how many of them one person has at once.
    """
    session.execute(delete(SessionRow).where(SessionRow.ends <= now))
    query = select(SessionRow).where(SessionRow.holder == holder, SessionRow.ended.is_(None))
    present = list(session.scalars(query.order_by(SessionRow.begun, SessionRow.id)))
    for row in present[: max(0, len(present) - most + 1)]:
        row.ended = now
    row = SessionRow(
        id=f"ses-{secrets.token_hex(8)}",
        digest=digest,
        bearer=bearer,
        holder=holder,
        token=token,
        log_in=dict(log_in),
        begun=now,
        seen=now,
        ends=ends,
        ended=None,
    )
    session.add(row)
    session.flush()
    return row


def find(session: Session, digest: Digest, *, bearer: bool, now: datetime, idle: timedelta) -> SessionRow | None:
    """Return the session of that digest; ``None`` where there is none, or none any more.

    Args:
        session: of the database.
        digest: of what was sent.
        bearer: whether it was sent as a token.
        now: the present moment.
        idle: how long a session lasts without being used.
    """
    row = session.scalars(select(SessionRow).where(SessionRow.digest == digest)).one_or_none()
    if row is None or row.bearer is not bearer or row.ended is not None or row.ends <= now or row.seen + idle <= now:
        return None
    return row


def is_noted(row: SessionRow, *, now: datetime) -> bool:
    """Return whether the present use need not be written down: one was within the last minute."""
    return now - row.seen < _NOTED_EVERY


def used(session: Session, session_id: str, *, now: datetime) -> None:
    """Write down that a session was used, unless it ended meanwhile."""
    session.execute(update(SessionRow).where(SessionRow.id == session_id, SessionRow.seen < now).values(seen=now))


def end(session: Session, digest: Digest, *, now: datetime) -> SessionRow | None:
    """End a session and return it; ``None`` where there is none."""
    row = session.scalars(select(SessionRow).where(SessionRow.digest == digest)).one_or_none()
    if row is not None:
        row.ended = row.ended or now
        session.flush()
    return row


def end_all(session: Session, holder: str, *, now: datetime) -> int:
    """End every session of one person; return how many that were."""
    query = update(SessionRow).where(SessionRow.holder == holder, SessionRow.ended.is_(None), SessionRow.ends > now)
    return len(list(session.scalars(query.values(ended=now).returning(SessionRow.id))))


def spend(session: Session, digest: Digest, *, now: datetime, expires: datetime) -> bool:
    """Use something that counts once; return whether it had not been used before.

    Args:
        session: a transaction; of two that spend the same, the second sees what the first wrote.
        digest: of what is used.
        now: the present moment.
        expires: from when on it counts no more in any case.
    """
    session.execute(delete(SpentRow).where(SpentRow.expires <= now))
    if session.get(SpentRow, digest) is not None:
        return False
    session.add(SpentRow(digest=digest, expires=expires))
    session.flush()
    return True
