"""Everything that only SQLite needs: the one module with SQL of its own.

Python's driver would start transactions late and of the wrong kind, so it is told not to start any, and each
transaction begins with a statement of ours: ``BEGIN IMMEDIATE`` for writers, so that two of them never read the same
state and then both write; ``BEGIN`` for readers, who see one snapshot and block nobody. Writers line up before they
begin (:mod:`gatekeeper.store.turns`).
"""

from pathlib import Path
from typing import Final

from sqlalchemy import URL, Connection, Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from gatekeeper.core.errors import StoreError, UsageError
from gatekeeper.store.turns import WritersTurns

BUSY_MILLISECONDS: Final = 30_000
"""How long a writer waits for another writer before it gives up."""

_BEGIN_OPTION: Final = "gatekeeper_begin"
_PRAGMAS: Final = (
    # First, since the next one may have to wait for a first comer that has just made the file.
    f"PRAGMA busy_timeout={BUSY_MILLISECONDS}",
    # Readers go on while one writer writes.
    "PRAGMA journal_mode=WAL",
    # An acknowledged commit survives a power cut: WAL alone promises that only with FULL.
    "PRAGMA synchronous=FULL",
    "PRAGMA foreign_keys=ON",
    # Whoever writes the page that fills the log carries it over to the file, which takes long: pages that change often
    # are carried once for 32 MiB, and not for every 4.
    "PRAGMA wal_autocheckpoint=8000",
)


def database_file(url: URL) -> Path:
    """Return the file a SQLite URL names.

    Raises:
        UsageError: it names none: an in-memory database forgets its ledger.
    """
    if not url.database or url.database == ":memory:" or "mode=memory" in url.render_as_string():
        raise UsageError(
            "The application database must be a file: one in memory forgets its ledger.",
            hint="Use a URL such as sqlite:////var/lib/gatekeeper/gatekeeper.db.",
        )
    return Path(url.database)


def require_file(url: URL) -> None:
    """Return when the database file exists.

    Raises:
        StoreError: it does not; connecting would silently create an empty one.
    """
    file = database_file(url)
    if not file.is_file():
        raise StoreError(
            f"There is no application database at {file}.", hint="Create it with `gatekeeper init`, or name another."
        )


def create_file(url: URL) -> None:
    """Make sure that the database file and its folder exist; a new file is readable by its owner alone.

    Raises:
        StoreError: the folder or the file cannot be written.
    """
    file = database_file(url)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600, exist_ok=True)
    except OSError as error:
        raise StoreError(
            f"The application database {file} cannot be created: {error.strerror}.",
            hint="Choose a folder that you may write to.",
        ) from error


def prepare(engine: Engine) -> None:
    """Make every connection of ``engine`` durable, checked, and begin its transactions as said above."""

    @event.listens_for(engine, "connect")
    def _on_connect(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        del record
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in _PRAGMAS:
            cursor.execute(pragma)
        cursor.close()

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        cursor = connection.connection.cursor()  # past SQLAlchemy, which takes ten times the time for one word
        cursor.execute(connection.get_execution_options().get(_BEGIN_OPTION, "BEGIN"))
        cursor.close()


def writing(engine: Engine) -> Engine:
    """Return the engine for transactions that write, one after the other."""
    return engine.execution_options(**{_BEGIN_OPTION: "BEGIN IMMEDIATE"})


def turns(engine: Engine) -> WritersTurns:
    """Return the line of those who write the engine's file."""
    return WritersTurns(database_file(engine.url), patience=BUSY_MILLISECONDS / 1000)


def reading(engine: Engine) -> Engine:
    """Return the engine for transactions that see one snapshot."""
    return engine


def scrub(engine: Engine) -> None:
    """Write the file anew without what was deleted, and empty the write-ahead log, which still holds it.

    Raises:
        StoreError: another connection reads an older state.
    """
    connection = engine.raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute("VACUUM")
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        blocked = any(row[0] for row in cursor.fetchall())
        cursor.close()
    finally:
        connection.close()
    if blocked:
        raise StoreError(
            "What was deleted still lies in the database's write-ahead log: somebody is reading an older state.",
            hint="It goes with the log when every process has closed the database.",
        )


def carry_over(engine: Engine) -> None:
    """Carry what lies in the write-ahead log over to the file, as far as nobody has to wait for it."""
    connection = engine.raw_connection()
    try:
        cursor = connection.cursor()
        cursor.execute("PRAGMA wal_checkpoint(PASSIVE)")
        cursor.close()
    finally:
        connection.close()


def migrating(engine: Engine) -> Engine:
    """Return the engine for migrations, which keep other writers out from their first statement on."""
    return writing(engine)
