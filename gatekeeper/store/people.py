"""The names behind pseudonyms, and each person's own key. Forgetting a person deletes their row and nothing else."""

import secrets
from collections.abc import Callable
from typing import Final

from sqlalchemy import bindparam, delete, select
from sqlalchemy.orm import Session

from gatekeeper.store.tables import PersonRow, table_of

KEY_BYTES: Final = 32
"""Length of a person's own key."""

# Made once: making a statement takes longer than carrying it out.
_TABLE: Final = table_of(PersonRow)
_KNOWN: Final = select(_TABLE.c.pseudonym, _TABLE.c.display_name).where(_TABLE.c.lookup == bindparam("lookup"))


def remember(session: Session, *, lookup: str, display_name: str, pseudonym_of: Callable[[bytes], str]) -> str:
    """Return the pseudonym of the person that ``lookup`` finds, with a new key for a person not known yet.

    Args:
        session: a transaction.
        lookup: HMAC of the name under the installation's key.
        display_name: the name itself, kept in the row.
        pseudonym_of: gives the pseudonym from the person's own key.
    """
    known = session.execute(_KNOWN, {"lookup": lookup}).one_or_none()
    if known is not None and known.display_name == display_name:
        return str(known.pseudonym)
    row = session.scalars(select(PersonRow).where(PersonRow.lookup == lookup)).one_or_none()
    if row is None:
        key = secrets.token_bytes(KEY_BYTES)
        row = PersonRow(pseudonym=pseudonym_of(key), lookup=lookup, key=key, display_name=display_name)
        session.add(row)
    row.display_name = display_name
    session.flush()
    return row.pseudonym


def pseudonym(session: Session, lookup: str) -> str | None:
    """Return the pseudonym of the person that ``lookup`` finds; ``None`` for somebody unknown or erased."""
    known = session.execute(_KNOWN, {"lookup": lookup}).one_or_none()
    return None if known is None else known.pseudonym


def own_key(session: Session, lookup: str) -> bytes | None:
    """Return the key of the person that ``lookup`` finds; ``None`` for somebody unknown or erased."""
    return session.scalars(select(PersonRow.key).where(PersonRow.lookup == lookup)).one_or_none()


def display_name(session: Session, pseudonym: str) -> str | None:
    """Return who a pseudonym is, or ``None`` when nobody wrote it down or it was erased."""
    row = session.get(PersonRow, pseudonym)
    return None if row is None else row.display_name


def display_names(session: Session) -> dict[str, str]:
    """Return every pseudonym that still has a name."""
    return {row.pseudonym: row.display_name for row in session.scalars(select(PersonRow))}


def erase(session: Session, pseudonym: str) -> bool:
    """Forget who a pseudonym is, and the key that made it; return whether it was known."""
    found = session.execute(delete(PersonRow).where(PersonRow.pseudonym == pseudonym).returning(PersonRow.pseudonym))
    return found.first() is not None
