"""Tokens of the service: written down by their digest, found by it, and ended."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from gatekeeper.core.digests import Plain, sha256_bytes
from gatekeeper.core.errors import UsageError
from gatekeeper.store.tables import PersonRow, TokenRow, table_of

PREFIX: Final = "gk_"
"""What every token begins with, so that whoever searches for leaked secrets finds it."""

_BYTES: Final = 32
_NOTED_EVERY: Final = timedelta(minutes=1)

_T: Final = table_of(TokenRow)
_P: Final = table_of(PersonRow)
# Made once, since it is asked at every request: making a statement takes longer than carrying it out.
_BEARER: Final = (
    select(_T.c.id, _T.c.holder, _P.c.display_name, _T.c.roles, _T.c.expires, _T.c.last_used, _T.c.revoked)
    .select_from(_T.outerjoin(_P, _P.c.pseudonym == _T.c.holder))
    .where(_T.c.digest == bindparam("digest"))
)


def new_token() -> str:
    """Return a token: the prefix and 256 random bits, in 43 characters of base64url."""
    return PREFIX + secrets.token_urlsafe(_BYTES)


def add(
    session: Session, token: str, *, holder: str, roles: Sequence[str], now: datetime, expires: datetime
) -> TokenRow:
    """Write down that a token counts from now on; the token's text is not kept."""
    row = TokenRow(
        id=f"tok-{secrets.token_hex(8)}",
        digest=sha256_bytes(token.encode()),
        holder=holder,
        roles=sorted(set(roles)),
        created=now,
        expires=expires,
        last_used=None,
        revoked=None,
    )
    session.add(row)
    session.flush()
    return row


def find(session: Session, token: str) -> TokenRow | None:
    """Return the row of a token, whether or not it still counts; ``None`` for a token nobody made."""
    return session.scalars(select(TokenRow).where(TokenRow.digest == sha256_bytes(token.encode()))).one_or_none()


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearer:
    """What a call has to know of the token that it carries."""

    id: str
    holder: str
    name: str | None
    """The holder's; ``None`` where nobody wrote it down or it was erased."""
    roles: Plain
    expires: datetime
    last_used: datetime | None
    revoked: datetime | None


def bearer(session: Session, token: str) -> Bearer | None:
    """Return what is known of a token, in one statement, whether or not it still counts; ``None`` for none of ours."""
    row = session.execute(_BEARER, {"digest": sha256_bytes(token.encode())}).one_or_none()
    if row is None:
        return None
    return Bearer(
        id=row.id,
        holder=row.holder,
        name=row.display_name,
        roles=row.roles,
        expires=row.expires,
        last_used=row.last_used,
        revoked=row.revoked,
    )


def all_tokens(session: Session) -> list[TokenRow]:
    """Return every token ever made, oldest first."""
    return list(session.scalars(select(TokenRow).order_by(TokenRow.created, TokenRow.id)))


def any_counts(session: Session, *, now: datetime) -> bool:
    """Return whether there is a token that counts now."""
    query = select(TokenRow.id).where(TokenRow.revoked.is_(None), TokenRow.expires > now).limit(1)
    return session.scalars(query).first() is not None


def is_noted(row: TokenRow | Bearer, *, now: datetime) -> bool:
    """Return whether the present use need not be written down: one was within the last minute."""
    return row.last_used is not None and now - row.last_used < _NOTED_EVERY


def used(session: Session, token_id: str, *, now: datetime) -> None:
    """Write down that a token was used."""
    row = session.get(TokenRow, token_id)
    if row is not None:
        row.last_used = now
        session.flush()


def require(session: Session, token_id: str) -> TokenRow:
    """Return the token of that id.

    Raises:
        UsageError: there is none.
    """
    row = session.get(TokenRow, token_id)
    if row is None:
        raise UsageError(f"There is no token {token_id}.", hint="`gatekeeper token list` shows them.")
    return row


def revoke(session: Session, token_id: str, *, now: datetime) -> TokenRow:
    """End a token; one that was ended before stays ended since then.

    Raises:
        UsageError: there is none of that id.
    """
    row = require(session, token_id)
    row.revoked = row.revoked or now
    session.flush()
    return row
