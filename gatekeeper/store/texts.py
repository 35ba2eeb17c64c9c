"""What people wrote, each beside its salt: everything else keeps only the salted digest.

Forgetting a text deletes its salt with it, so that the digest that stays says nothing, not even to a good guess.
"""

import secrets
from collections.abc import Mapping
from typing import Final

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from gatekeeper.core.digests import Digest, sha256_bytes
from gatekeeper.store.tables import TextRow, table_of

_SALT_BYTES: Final = 32
_KEPT: Final = insert(table_of(TextRow))


def salted_digest(salt: bytes, text: str) -> Digest:
    """Return the digest of ``text`` that says nothing about it to whoever lacks ``salt``."""
    return sha256_bytes(salt + text.encode())


def keep(session: Session, *, subject: str, body: str, salt: bytes | None = None) -> Digest | None:
    """Keep a text about an update and return its salted digest; ``None`` for an empty one.

    Args:
        session: the caller's transaction.
        subject: what it was written about.
        body: the text.
        salt: where it was chosen before, because the digest was signed; by default a new one.
    """
    if not body:
        return None
    salt = salt or secrets.token_bytes(_SALT_BYTES)
    digest = salted_digest(salt, body)
    session.execute(_KEPT, {"digest": digest, "subject": subject, "salt": salt, "body": body})
    return digest


def find(session: Session, digest: str) -> str | None:
    """Return the text behind a salted digest; ``None`` when there was none or it was erased."""
    row = session.get(TextRow, digest)
    return None if row is None else row.body


def subject(session: Session, digest: str) -> str | None:
    """Return the update that a text was written about; ``None`` when there was none or it was erased."""
    row = session.get(TextRow, digest)
    return None if row is None else row.subject


def about(session: Session, subject: str) -> Mapping[str, str]:
    """Return what was written about an update, by salted digest; erased texts are left out."""
    return {row.digest: row.body for row in session.scalars(select(TextRow).where(TextRow.subject == subject))}


def erase(session: Session, digest: str) -> bool:
    """Forget a text and its salt; return whether there was one."""
    found = session.execute(delete(TextRow).where(TextRow.digest == digest).returning(TextRow.digest))
    return found.first() is not None
