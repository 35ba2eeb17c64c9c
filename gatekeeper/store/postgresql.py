"""Everything that only PostgreSQL needs: it is made to give the same promise as SQLite, one writer at a time.

A writer's first statement locks the ledger's head, which every state change moves anyway. What it reads afterwards
stays true until it commits, and no two writers can lock rows in different orders. That needs READ COMMITTED: at the
stricter levels the statement that waits for the lock has already fixed what the transaction sees, so the writer would
go on with what was true before its turn, or be told to repeat a block that cannot be repeated. Readers take no lock;
REPEATABLE READ gives them one snapshot.
"""

from typing import Final

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

LOCK_MILLISECONDS: Final = 30_000
"""How long a writer waits for another writer before it gives up."""

_BEGIN_OPTION: Final = "gatekeeper_begin"
_MIGRATIONS: Final = 0x6761_7465
"""Number of the advisory lock of whoever migrates: any number, as long as it never changes."""

_TURN: Final = "SELECT size FROM ledger_head FOR UPDATE"
_MIGRATION: Final = f"SELECT pg_advisory_xact_lock({_MIGRATIONS})"
_DURABLE: Final = (
    # An acknowledged commit survives a power cut; a stricter setting of the server stays.
    "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
)


def prepare(engine: Engine) -> None:
    """Make every connection of ``engine`` durable and patient, and begin its transactions as said above."""

    @event.listens_for(engine, "connect")
    def _on_connect(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        del record
        cursor = connection.cursor()
        cursor.execute(f"SET lock_timeout = {LOCK_MILLISECONDS}")
        cursor.execute(_DURABLE)
        cursor.close()
        connection.commit()

    @event.listens_for(engine, "begin")
    def _on_begin(connection: Connection) -> None:
        if (statement := connection.get_execution_options().get(_BEGIN_OPTION)) is not None:
            connection.exec_driver_sql(statement)


def writing(engine: Engine) -> Engine:
    """Return the engine for transactions that write, one after the other."""
    return engine.execution_options(isolation_level="READ COMMITTED", **{_BEGIN_OPTION: _TURN})


def turns(engine: Engine) -> None:
    """Return nothing: the server keeps those who wait for the head in order."""
    del engine


def reading(engine: Engine) -> Engine:
    """Return the engine for transactions that see one snapshot and can write nothing."""
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def scrub(engine: Engine) -> None:
    """Give the space of deleted names and texts back; the server overwrites it with what comes next."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM people, texts, updates")


def carry_over(engine: Engine) -> None:
    """Do nothing: the server does it by itself."""
    del engine


def migrating(engine: Engine) -> Engine:
    """Return the engine for migrations: there may be no head to lock yet, so they have a lock of their own."""
    return engine.execution_options(isolation_level="READ COMMITTED", **{_BEGIN_OPTION: _MIGRATION})
