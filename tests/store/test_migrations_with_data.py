"""Every migration carries what is there over, from every earlier version, on both databases.

A database of each version is filled with a row in every table, made up from the columns that the tables have at that
version, and brought up to date. There are no ways down: a program refuses a database that a newer one wrote.
"""

import datetime as dt
import re
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from gatekeeper.core.errors import StoreError
from gatekeeper.store import migrate
from gatekeeper.store.database import _engine, create_store, open_store
from gatekeeper.store.dialects import dialect_of
from gatekeeper.store.tables import Table

SCRIPTS = ScriptDirectory.from_config(migrate._config())
REVISIONS = [script.revision for script in SCRIPTS.walk_revisions()][::-1]
OLDER = REVISIONS[:-1]
SEEDED = {"ledger_head"}
"""Tables whose rows the migrations themselves make."""

REPLACED = {"comments": "texts"}
"""Tables that a later version has under another name, in another shape."""


@pytest.fixture
def upgraded_to(url):
    """Return a function that makes a database of one version and gives its engine."""
    engines = []

    def make(revision):
        if url.startswith("sqlite"):
            Path(sa.make_url(url).database).touch()
        engine = _engine(url)
        engines.append(engine)
        config = migrate._config()
        with dialect_of(engine).migrating(engine).begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
        return engine

    yield make
    for engine in engines:
        engine.dispose()


def value_of(column, table):
    """Return a value that a column takes: words that the program knows where it has to read them."""
    kind = column.type
    if isinstance(kind, sa.Boolean):
        return False
    if isinstance(kind, sa.Integer):
        return 1
    if isinstance(kind, sa.Float | sa.Numeric):
        return 0.5
    if isinstance(kind, sa.DateTime):
        return dt.datetime(2030, 1, 2, 3, 4, 5)  # noqa: DTZ001  # as SQLite keeps it
    if isinstance(kind, sa.LargeBinary):
        return b"\x00\xff"
    return f"{table.name}.{column.name}"[: getattr(kind, "length", None) or 80]


def filled(engine):
    """Put a row into every table; return the rows by table."""
    tables = sa.MetaData()
    tables.reflect(bind=engine)
    rows = {}
    with engine.begin() as connection:
        for table in tables.sorted_tables:
            if table.name == "alembic_version" or table.name in SEEDED:
                continue
            row = {column.name: value_of(column, table) for column in table.columns}
            for key in table.foreign_keys:
                row[key.parent.name] = rows[key.column.table.name][key.column.name]
            connection.execute(table.insert(), row)
            rows[table.name] = row
    return rows


def kept(engine, name):
    """Return the one row of a table as it is now."""
    table = sa.Table(name, sa.MetaData(), autoload_with=engine)
    with engine.connect() as connection:
        (row,) = connection.execute(sa.select(table)).mappings()
    return dict(row)


def plain(value):
    """Return a value as both databases give it."""
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).replace(tzinfo=None) if value.tzinfo else value
    return bytes(value) if isinstance(value, memoryview) else value


@pytest.mark.parametrize("revision", OLDER)
def test_what_an_older_version_wrote_is_there_after_every_migration(upgraded_to, url, revision):
    engine = upgraded_to(revision)
    before = filled(engine)
    with pytest.raises(StoreError, match=f"at version {revision}"):
        open_store(url)

    create_store(url).close()

    assert before
    for name, row in before.items():
        if name in REPLACED:
            assert kept(engine, REPLACED[name])["body"] == row["body"]
            continue
        now = kept(engine, name)
        assert {key: plain(now[key]) for key in row if key in now} == {
            key: plain(value) for key, value in row.items() if key in now
        }
        assert {key for key in row if key not in now} <= {"comment"}
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Table.metadata) == []
        assert context.get_current_revision() == REVISIONS[-1]


def test_there_is_no_way_down_that_nobody_tests():
    scripts = [script for script in SCRIPTS.walk_revisions() if hasattr(script.module, "downgrade")]

    assert scripts == []


def test_every_migration_follows_the_one_before():
    followed = {script.revision: script.down_revision for script in SCRIPTS.walk_revisions()}

    assert all(re.fullmatch(r"\d{4}", revision) for revision in REVISIONS)
    assert [followed[revision] for revision in REVISIONS] == [None, *REVISIONS[:-1]]
