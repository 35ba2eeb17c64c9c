"""Migrations give exactly the tables, and no other version is worked with."""

import sqlite3

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from gatekeeper.core.errors import StoreError
from gatekeeper.store import migrate
from gatekeeper.store.database import create_store, open_store
from gatekeeper.store.tables import Table


def test_migrating_an_empty_database_gives_exactly_the_tables(url):
    made = create_store(url)

    with made.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})

        assert compare_metadata(context, Table.metadata) == []
    made.close()


def test_migrating_twice_changes_nothing(url):
    create_store(url).close()

    again = create_store(url)

    assert migrate.current_version(again.engine) == migrate.head_version()
    again.close()


def test_migrations_are_numbered_without_gaps():
    from alembic.script import ScriptDirectory

    revisions = [script.revision for script in ScriptDirectory.from_config(migrate._config()).walk_revisions()]

    assert revisions[::-1] == [f"{number:04d}" for number in range(1, len(revisions) + 1)]


def test_a_database_without_tables_is_refused(url, tmp_path):
    (tmp_path / "gatekeeper.db").touch()  # PostgreSQL's is there, and empty

    with pytest.raises(StoreError) as refused:
        open_store(url)

    assert "gatekeeper init" in refused.value.hint


@pytest.mark.parametrize(
    ("version", "says"),
    [pytest.param("9999", "newer", id="newer"), pytest.param("a-stranger", "newer", id="unknown")],
)
def test_a_database_of_a_newer_version_is_refused(store, store_url, version, says):
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = :version"), {"version": version})

    for act in (open_store, create_store):
        with pytest.raises(StoreError) as refused:
            act(store_url)
        assert says in refused.value.hint.lower()


def test_an_older_database_is_refused_with_the_way_up(store, monkeypatch):
    monkeypatch.setattr(migrate, "head_version", lambda: "9999")

    with pytest.raises(StoreError, match="needs 9999"):
        migrate.check_version(store.engine)


def test_a_database_that_lost_a_table_is_refused(store, store_url):
    with store.engine.begin() as connection:
        connection.execute(text("DROP TABLE verdicts"))

    with pytest.raises(StoreError, match="verdicts"):
        open_store(store_url)


@pytest.mark.parametrize("database", ["sqlite"])
def test_a_migration_that_fails_leaves_nothing_behind(url, tmp_path):
    with sqlite3.connect(tmp_path / "gatekeeper.db") as strange:
        strange.execute("CREATE TABLE ledger_entries (seq INTEGER)")

    with pytest.raises(StoreError, match="already exists"):
        create_store(url)

    with pytest.raises(StoreError, match="no tables"):
        open_store(url)


@pytest.mark.parametrize("table", Table.metadata.sorted_tables, ids=lambda table: table.name)
def test_every_table_can_be_written_for_postgresql(table):
    statements = [str(CreateTable(table).compile(dialect=postgresql.dialect()))]
    statements += [str(CreateIndex(index).compile(dialect=postgresql.dialect())) for index in table.indexes]

    assert all(statement.strip().startswith("CREATE") for statement in statements)


def test_postgresql_also_keeps_one_promotion_at_a_time():
    (index,) = [i for i in Table.metadata.tables["promotions"].indexes if i.unique]

    written = str(CreateIndex(index).compile(dialect=postgresql.dialect()))

    assert "UNIQUE" in written
    assert "WHERE state = 'PROMOTING'" in written
