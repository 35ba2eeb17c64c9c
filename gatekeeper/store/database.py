"""Open the application database; :meth:`Store.transaction` is the only place of the whole program that commits.

Order: :func:`create_store` once (it makes the file and brings the tables up to date), then :func:`open_store` in
every process, which refuses a database of another version.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.orm import ORMExecuteState, Session, UOWTransaction

from gatekeeper.core.errors import StoreError, UsageError
from gatekeeper.store import sqlite
from gatekeeper.store.migrate import check_version, upgrade


class Store:
    """The application database, open and of this program's version."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        """For migrations and tests; everything else goes through a session."""
        self._writing = engine.execution_options(**{sqlite.BEGIN_OPTION: "BEGIN IMMEDIATE"})

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Give a session whose work is committed as a whole when the block ends, and not at all when it raises.

        Raises:
            StoreError: the database is locked for too long, full or unreadable.
        """
        with _translated(self.engine.url), Session(self._writing, expire_on_commit=False) as session:
            # Begin now, so that what is read in here is still true when it is written.
            session.connection()
            yield session
            session.commit()

    @contextmanager
    def reading(self) -> Iterator[Session]:
        """Give a session that sees one snapshot and can write nothing.

        Raises:
            StoreError: the database is locked for too long or unreadable.
            RuntimeError: the block tried to write.
        """
        with _translated(self.engine.url), Session(self.engine, expire_on_commit=False) as session:
            event.listen(session, "before_flush", _refuse_flush)
            event.listen(session, "do_orm_execute", _refuse_write)
            yield session

    def close(self) -> None:
        """Give every connection back."""
        self.engine.dispose()


def open_store(url: str) -> Store:
    """Return the database at ``url``.

    Raises:
        StoreError: it does not exist, cannot be reached, or has another version's tables.
        UsageError: the URL is none, or its driver is not installed.
    """
    engine = _engine(url)
    if engine.dialect.name == "sqlite":
        sqlite.require_file(engine.url)
    with _translated(engine.url):
        check_version(engine)
    return Store(engine)


def create_store(url: str) -> Store:
    """Return the database at ``url``, created or brought up to date first.

    Raises:
        StoreError: it cannot be created or reached, or a newer program wrote it.
        UsageError: as :func:`open_store`.
    """
    engine = _engine(url)
    if engine.dialect.name == "sqlite":
        sqlite.create_file(engine.url)
    with _translated(engine.url):
        upgrade(engine)
        check_version(engine)
    return Store(engine)


def _engine(url: str) -> Engine:
    try:
        engine = create_engine(make_url(url))
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError, ValueError) as error:
        raise UsageError(
            f"No database driver fits the URL {_shown(url)}.",
            hint="Use sqlite:////path/to/gatekeeper.db, or postgresql+psycopg://… with psycopg installed.",
        ) from error
    if engine.dialect.name == "sqlite":
        sqlite.database_file(engine.url)
        sqlite.prepare(engine)
    return engine


def _shown(url: str) -> str:
    """Return the part of a URL that can hold no password."""
    return url.partition(":")[0] + ":…"


@contextmanager
def _translated(url: URL) -> Iterator[None]:
    """Turn a driver's failure into the error tree; a broken rule of ours stays what it is."""
    try:
        yield
    except DBAPIError as error:
        if error.connection_invalidated or type(error).__name__ in {"OperationalError", "DatabaseError"}:
            raise StoreError(
                f"The application database {url.render_as_string(hide_password=True)} failed: {error.orig}.",
                hint="See that it is reachable, writable and not held by another process, then repeat the command.",
            ) from error
        raise


def _refuse_flush(session: Session, context: UOWTransaction, instances: object) -> None:
    del session, context, instances
    raise RuntimeError("a reading session cannot write: use Store.transaction()")


def _refuse_write(state: ORMExecuteState) -> None:
    if not state.is_select:
        raise RuntimeError("a reading session cannot write: use Store.transaction()")
