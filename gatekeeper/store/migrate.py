"""Bring the tables to this program's version, and refuse to work with any other version.

Migrations are the files of ``migrations/versions``, in the order of their numbers; a test holds that running them all
on an empty database gives exactly :mod:`gatekeeper.store.tables`.
"""

import threading
from pathlib import Path
from typing import Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, inspect

from gatekeeper.core.errors import StoreError
from gatekeeper.store.dialects import dialect_of
from gatekeeper.store.tables import Table

_ONE_AT_A_TIME: Final = threading.Lock()
"""Alembic keeps what it migrates in a global: two threads would run each other's statements."""


def upgrade(engine: Engine) -> None:
    """Run every migration the database has not seen, all in one transaction.

    Whoever comes second waits, and finds nothing left to do.

    Raises:
        StoreError: a newer version of the program wrote the database.
    """
    _refuse_newer(engine)
    config = _config()
    with _ONE_AT_A_TIME, dialect_of(engine).migrating(engine).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def check_version(engine: Engine) -> None:
    """Return when the tables are exactly this version's.

    Raises:
        StoreError: they are missing, older or newer.
    """
    _refuse_newer(engine)
    now = current_version(engine)
    if now is None:
        raise StoreError(
            "The application database has no tables of ours.", hint="Run `gatekeeper init`: it creates them."
        )
    if now != (head := head_version()):
        raise StoreError(
            f"The application database is at version {now}, this program needs {head}.",
            hint="Make a copy of it, then run `gatekeeper init`: it brings the tables up to date.",
        )
    missing = sorted(set(Table.metadata.tables) - set(inspect(engine).get_table_names()))
    if missing:
        raise StoreError(
            f"The application database lacks the tables {', '.join(missing)}.",
            hint="Someone changed it by hand: restore it from a copy.",
        )


def current_version(engine: Engine) -> str | None:
    """Return the number of the last migration the database has seen; ``None`` when it has seen none."""
    with engine.connect() as connection:
        return MigrationContext.configure(connection).get_current_revision()


def head_version() -> str:
    """Return the number of this program's last migration."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    if head is None:
        raise RuntimeError("the package holds no migrations")
    return head


def _refuse_newer(engine: Engine) -> None:
    now = current_version(engine)
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if now is not None and now not in known:
        raise StoreError(
            f"The application database is at version {now}, which this program does not know.",
            hint="A newer version wrote it: update Gatekeeper.",
        )


def _config() -> Config:
    config = Config()
    # Doubled, because a per cent sign in a path would be read as the start of a substitution.
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
