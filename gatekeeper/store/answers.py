"""Answers of the service to requests that their callers gave a key: claimed first, kept when given, gone when old."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.orm import Session

from gatekeeper.core.digests import Digest
from gatekeeper.store.tables import AnswerRow, table_of

# Made once: making a statement takes longer than carrying it out.
_TABLE: Final = table_of(AnswerRow)
_A: Final = _TABLE.c
_OLD: Final = delete(_TABLE).where(_A.expires <= bindparam("now"))
_KNOWN: Final = select(_A.request, _A.status, _A.headers, _A.media, _A.body, _A.expires).where(
    _A.holder == bindparam("holder"), _A.key == bindparam("key")
)
_ONE_OLD: Final = _OLD.where(_A.holder == bindparam("whose"), _A.key == bindparam("under"))
_ANY: Final = delete(_TABLE).where(_A.holder == bindparam("whose"), _A.key == bindparam("under"))
_CLAIMED: Final = insert(_TABLE)
_OURS: Final = (_A.holder == bindparam("whose"), _A.key == bindparam("under"), _A.claim == bindparam("mine"))
_KEPT: Final = (
    update(_TABLE)
    .where(*_OURS)
    .values({name: bindparam(name) for name in ("status", "media", "headers", "body", "expires")})
)
_LET_GO: Final = delete(_TABLE).where(*_OURS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """An answer that was given before."""

    status: int
    media: str | None
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What became of a key: it is ours to work on, or somebody was here before."""

    mine: str | None
    """Proof of the claim; ``None`` when somebody else has it."""
    same: bool = True
    """Whether the earlier request under this key was the same."""
    kept: Kept | None = None
    """The earlier answer; ``None`` while somebody works on it."""


def claim(session: Session, *, holder: str, key: str, request: Digest, now: datetime, patience: timedelta) -> Claim:
    """Take a key for a request, unless it was taken before.

    Args:
        session: a transaction; of two that claim one key, the second sees what the first wrote.
        holder: pseudonym of who calls; keys of different callers have nothing to do with each other.
        key: as the caller chose it.
        request: digest of what is asked for.
        now: the present moment.
        patience: after so long without an answer, whoever had the key counts as dead.
    """
    before = known(session, holder=holder, key=key, request=request, now=now)
    if before is not None:
        return before
    session.execute(_ONE_OLD, {"now": now, "whose": holder, "under": key})
    mine = secrets.token_hex(16)
    session.execute(
        _CLAIMED,
        {
            "holder": holder,
            "key": key,
            "request": request,
            "claim": mine,
            "status": None,
            "headers": {},
            "media": None,
            "body": None,
            "begun": now,
            "expires": now + patience,
        },
    )
    return Claim(mine=mine)


def known(session: Session, *, holder: str, key: str, request: Digest, now: datetime) -> Claim | None:
    """Return what became of a key for whoever comes after; ``None`` when it is free.

    Args:
        session: reads.
        holder: pseudonym of who calls.
        key: as the caller chose it.
        request: digest of what is asked for.
        now: the present moment.
    """
    row = session.execute(_KNOWN, {"holder": holder, "key": key}).one_or_none()
    if row is None or row.expires <= now:
        return None
    kept = None
    if row.status is not None:
        headers = row.headers if isinstance(row.headers, dict) else {}
        kept = Kept(
            status=row.status,
            media=row.media,
            headers={name: str(value) for name, value in headers.items()},
            body=row.body or b"",
        )
    return Claim(mine=None, same=row.request == request, kept=kept)


def put(
    session: Session,
    *,
    holder: str,
    key: str,
    request: Digest,
    answer: Kept,
    begun: datetime,
    until: datetime,
) -> None:
    """Keep the answer to a request that was claimed outside the database, in the place of whatever was there."""
    session.execute(_ANY, {"whose": holder, "under": key})
    session.execute(
        _CLAIMED,
        {
            "holder": holder,
            "key": key,
            "request": request,
            "claim": "",
            "status": answer.status,
            "headers": dict(answer.headers),
            "media": answer.media,
            "body": answer.body,
            "begun": begun,
            "expires": until,
        },
    )


def keep(session: Session, *, holder: str, key: str, mine: str, answer: Kept, expires: datetime) -> None:
    """Keep the answer to what was claimed; nothing is kept for whoever lost the claim meanwhile."""
    session.execute(
        _KEPT,
        {
            "whose": holder,
            "under": key,
            "mine": mine,
            "status": answer.status,
            "media": answer.media,
            "headers": dict(answer.headers),
            "body": answer.body,
            "expires": expires,
        },
    )


def sweep(session: Session, *, now: datetime) -> None:
    """Delete every answer whose time is over."""
    session.execute(_OLD, {"now": now})


def forget(session: Session) -> None:
    """Delete every answer that was given: any of them may hold a name or a text. What is worked on stays."""
    session.execute(delete(AnswerRow).where(AnswerRow.status.is_not(None)))


def let_go(session: Session, *, holder: str, key: str, mine: str) -> None:
    """Give a claim back, so that the same key can be tried again."""
    session.execute(_LET_GO, {"whose": holder, "under": key, "mine": mine})
