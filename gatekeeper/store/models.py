"""Registered models under the gate."""

from collections.abc import Sequence
from typing import Final

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from gatekeeper.core.errors import StoreError
from gatekeeper.store.tables import ModelRow

DEFAULT_PROTECTED = ("champion", "anchor")
"""Aliases that only a promotion may move, unless said otherwise."""

# Made once: making a statement takes longer than carrying it out.
_NAMED: Final = select(ModelRow).where(ModelRow.name == bindparam("name"))


def ensure_model(session: Session, name: str, protected_aliases: Sequence[str] = DEFAULT_PROTECTED) -> ModelRow:
    """Return the model of that name, written down first when it is new; a known one keeps its aliases."""
    row = find_model(session, name)
    if row is None:
        row = ModelRow(name=name, protected_aliases=list(protected_aliases))
        session.add(row)
        session.flush()
    return row


def find_model(session: Session, name: str) -> ModelRow | None:
    """Return the model of that name, or ``None``."""
    return session.scalars(_NAMED, {"name": name}).one_or_none()


def names(session: Session) -> list[str]:
    """Return every model's name, sorted."""
    return list(session.scalars(select(ModelRow.name).order_by(ModelRow.name)))


def protected_aliases(session: Session, name: str) -> tuple[str, ...]:
    """Return the model's protected aliases; the default ones for a model not seen yet.

    Raises:
        StoreError: the stored list is none.
    """
    row = find_model(session, name)
    if row is None:
        return DEFAULT_PROTECTED
    if not isinstance(row.protected_aliases, list):
        raise StoreError(
            f"The protected aliases of {name} are no list.", hint="Restore the application database from a copy."
        )
    return tuple(str(alias) for alias in row.protected_aliases)
