"""Open the application database; :meth:`Store.transaction` is the only place of the whole program that commits.

Order: :func:`create_store` once (it makes the file and brings the tables up to date), then :func:`open_store` in
every process, which refuses a database of another version.
"""

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Final

from sqlalchemy import URL, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.orm import ORMExecuteState, Session, UOWTransaction

from gatekeeper.core.errors import StoreError, UsageError
from gatekeeper.store import sqlite
from gatekeeper.store.dialects import DIALECTS, dialect_of
from gatekeeper.store.migrate import check_version, upgrade
from gatekeeper.store.turns import WaitedTooLong

_NO_PRIVILEGE: Final = "42501"
"""PostgreSQL's code for a role that may not do what it was asked to."""


class Store:
    """The application database, open and of this program's version."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        """For migrations and tests; everything else goes through a session."""
        dialect = dialect_of(engine)
        self._writing, self._reading = dialect.writing(engine), dialect.reading(engine)
        self._scrub, self._carry_over = dialect.scrub, dialect.carry_over
        self._turns = dialect.turns(engine)
        self.is_elsewhere = self._turns is None
        """Whether a statement waits for another process, and not for a file."""

    @contextmanager
    def transaction(self) -> Iterator[Session]:
        """Give a session whose work is committed as a whole when the block ends, and not at all when it raises.

        Writers take turns: nobody else writes until the block has ended.

        Raises:
            StoreError: the database is locked for too long, full or unreadable.
        """
        turn = nullcontext() if self._turns is None else self._turns.turn()
        with (
            _translated(self.engine.url),
            turn,
            Session(self._writing, expire_on_commit=False) as session,
        ):
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
        with _translated(self.engine.url), _ReadingSession(self._reading, expire_on_commit=False) as session:
            yield session

    def scrub(self) -> None:
        """Overwrite what deleted rows left behind in the database's files, as far as it can be told to.

        Raises:
            StoreError: the database is in use, full or unreadable.
        """
        with _translated(self.engine.url):
            self._scrub(self.engine)

    def carry_over(self) -> None:
        """Do what a writer would otherwise have to do in the middle of its work; makes nobody wait.

        Raises:
            StoreError: the database is full or unreadable.
        """
        with _translated(self.engine.url):
            self._carry_over(self.engine)

    def close(self) -> None:
        """Give every connection back."""
        self.engine.dispose()
        if self._turns is not None:
            self._turns.close()


class _ReadingSession(Session):
    """A session that refuses to write; its listeners are set once, for all of its kind."""


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
    with _translated(engine.url, migrating=True):
        upgrade(engine)
        check_version(engine)
    return Store(engine)


def _engine(url: str) -> Engine:
    try:
        named = make_url(url)
        if named.get_backend_name() == "sqlite":
            sqlite.database_file(named)
        # A connection that the server has closed meanwhile is replaced instead of failing its next user. The one that
        # was used last comes first: what it remembers of the file is still true, and the others need not remember it.
        engine = create_engine(named, pool_pre_ping=named.get_backend_name() != "sqlite", pool_use_lifo=True)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError, ValueError) as error:
        raise _no_driver(url) from error
    if engine.dialect.name not in DIALECTS:
        raise _no_driver(url)
    dialect_of(engine).prepare(engine)
    return engine


def _no_driver(url: str) -> UsageError:
    # Only the part of a URL that can hold no password is shown.
    return UsageError(
        f"No database driver fits the URL {url.partition(':')[0]}:….",
        hint="Use sqlite:////path/to/gatekeeper.db, or postgresql+psycopg://… with psycopg installed.",
    )


@contextmanager
def _translated(url: URL, *, migrating: bool = False) -> Iterator[None]:
    """Turn a driver's failure into the error tree; a broken rule of ours stays what it is."""
    try:
        yield
    except PoolTimeoutError as error:
        raise _failed(url, "every connection is in use") from error
    except WaitedTooLong as error:
        raise _failed(url, "database is locked") from error
    except DBAPIError as error:
        if error.connection_invalidated or _is_operators(error, migrating=migrating):
            # PostgreSQL adds the statement and advice in further lines.
            reason = str(error.orig).strip().partition("\n")[0].rstrip(".")
            raise _failed(url, reason) from error
        raise


def _is_operators(error: DBAPIError, *, migrating: bool) -> bool:
    """Return whether somebody other than a programmer of ours can put the failure right.

    ``DataError`` is a value that PostgreSQL cannot hold: too long, or with a NUL in it.
    """
    if isinstance(error, ProgrammingError):
        return migrating or getattr(error.orig, "sqlstate", None) == _NO_PRIVILEGE
    return type(error).__name__ in {"OperationalError", "DatabaseError", "InternalError", "DataError"}


def _failed(url: URL, reason: str) -> StoreError:
    return StoreError(
        f"The application database {url.render_as_string(hide_password=True)} failed: {reason}.",
        hint="See that it is reachable, writable and not held by another process, then repeat the command.",
    )


def _refuse_flush(session: Session, context: UOWTransaction, instances: object) -> None:
    del session, context, instances
    raise RuntimeError("a reading session cannot write: use Store.transaction()")


def _refuse_write(state: ORMExecuteState) -> None:
    if not state.is_select:
        raise RuntimeError("a reading session cannot write: use Store.transaction()")


event.listen(_ReadingSession, "before_flush", _refuse_flush)
event.listen(_ReadingSession, "do_orm_execute", _refuse_write)
