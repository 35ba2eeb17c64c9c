"""The databases that can hold the application's tables, and what each does in its own way."""

from types import MappingProxyType
from typing import Final, Protocol

from sqlalchemy import Engine

from gatekeeper.store import postgresql, sqlite
from gatekeeper.store.turns import WritersTurns


class Dialect(Protocol):
    """One module per database."""

    def prepare(self, engine: Engine) -> None:
        """Set every connection of a new engine up."""
        ...

    def writing(self, engine: Engine) -> Engine:
        """Return the engine for transactions that write: one at a time, and what they read stays true."""
        ...

    def turns(self, engine: Engine) -> WritersTurns | None:
        """Return the line that writers stand in before they begin; ``None`` where the database keeps one."""
        ...

    def reading(self, engine: Engine) -> Engine:
        """Return the engine for transactions that see one snapshot."""
        ...

    def scrub(self, engine: Engine) -> None:
        """Overwrite what deleted rows left behind, as far as the database can be told to."""
        ...

    def carry_over(self, engine: Engine) -> None:
        """Do now what a writer would otherwise have to do in the middle of its work; never makes a writer wait."""
        ...

    def migrating(self, engine: Engine) -> Engine:
        """Return the engine for migrations: one at a time, before there is any table."""
        ...


DIALECTS: Final = MappingProxyType[str, Dialect]({"sqlite": sqlite, "postgresql": postgresql})
"""By SQLAlchemy's name."""


def dialect_of(engine: Engine) -> Dialect:
    """Return what the engine's database does in its own way."""
    return DIALECTS[engine.dialect.name]
