"""Opening, and the one place that commits."""

import re
import stat
import threading
from pathlib import Path

import pytest
from sqlalchemy import text

from gatekeeper.core.errors import StoreError, UsageError
from gatekeeper.store import entries, models, people, sqlite
from gatekeeper.store.database import create_store, open_store

SQLITE = pytest.mark.parametrize("database", ["sqlite"])
POSTGRESQL = pytest.mark.parametrize("database", ["postgresql"])
OURS = Path(__file__).parents[2]


@SQLITE
def test_sqlite_is_durable_checked_and_patient(store):
    with store.transaction() as session:
        read = {
            name: session.connection().exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }

    assert read == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": sqlite.BUSY_MILLISECONDS,
    }


@POSTGRESQL
def test_postgresql_is_durable_and_patient_and_readers_write_nothing(store):
    with store.transaction() as session:
        connection = session.connection()
        waits = connection.exec_driver_sql("SHOW lock_timeout").scalar()
        durable = connection.exec_driver_sql("SHOW synchronous_commit").scalar()
        level = connection.exec_driver_sql("SHOW transaction_isolation").scalar()
    with store.reading() as session:
        connection = session.connection()
        read = connection.exec_driver_sql("SHOW transaction_read_only").scalar()
        snapshot = connection.exec_driver_sql("SHOW transaction_isolation").scalar()

    assert (waits, durable, level) == ("30s", "on", "read committed")
    assert (read, snapshot) == ("on", "repeatable read")


@SQLITE
def test_a_new_database_is_readable_by_its_owner_alone(store, tmp_path):
    assert stat.S_IMODE((tmp_path / "gatekeeper.db").stat().st_mode) == 0o600


def test_what_a_block_wrote_is_there_when_it_ends(store):
    with store.transaction() as session:
        models.ensure_model(session, "helper")

    with store.reading() as session:
        assert models.find_model(session, "helper") is not None


@pytest.mark.parametrize("raised", [ValueError, KeyboardInterrupt])
def test_what_a_block_wrote_is_gone_when_it_raises(store, raised):
    def write_and_raise() -> None:
        with store.transaction() as session:
            models.ensure_model(session, "helper")
            raise raised

    with pytest.raises(raised):
        write_and_raise()

    with store.reading() as session:
        assert models.find_model(session, "helper") is None


def test_a_reading_session_cannot_write(store):
    with pytest.raises(RuntimeError, match="cannot write"), store.reading() as session:
        models.ensure_model(session, "helper")

    with pytest.raises(RuntimeError, match="cannot write"), store.reading() as session:
        people.erase(session, "person:x")


def test_a_reader_sees_one_snapshot_and_is_not_kept_waiting(store):
    with store.reading() as reader:
        before = entries.size(reader)
        with store.transaction() as writer:
            writer.execute(text("UPDATE ledger_head SET size = 7"))

        assert entries.size(reader) == before == 0

    with store.reading() as reader:
        assert entries.size(reader) == 7


def test_two_writers_never_read_the_same_state(store):
    def add_one() -> None:
        for _ in range(20):
            with store.transaction() as session:
                size = entries.size(session)
                session.execute(text("UPDATE ledger_head SET size = :size"), {"size": size + 1})

    threads = [threading.Thread(target=add_one) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with store.reading() as session:
        assert entries.size(session) == 80


@SQLITE
def test_a_locked_database_is_one_sentence(store, monkeypatch, url):
    monkeypatch.setattr(sqlite, "_PRAGMAS", ("PRAGMA busy_timeout=1",))
    monkeypatch.setattr(sqlite, "BUSY_MILLISECONDS", 1)
    other = open_store(url)

    with store.transaction(), pytest.raises(StoreError, match="locked"), other.transaction():
        pass


@SQLITE
def test_a_missing_database_is_not_created_by_opening_it(url, tmp_path):
    with pytest.raises(StoreError, match="no application database"):
        open_store(url)

    assert not (tmp_path / "gatekeeper.db").exists()


@SQLITE
def test_a_file_that_is_no_database_is_one_sentence(url, tmp_path):
    (tmp_path / "gatekeeper.db").write_bytes(b"this is no database, and long enough to be read as one" * 20)

    with pytest.raises(StoreError, match="failed"):
        open_store(url)


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("", id="empty"),
        pytest.param("nonsense", id="no URL"),
        pytest.param("nosuch://me:secret@host/db", id="unknown database"),
        pytest.param("sqlite://", id="memory"),
        pytest.param("sqlite:///:memory:", id="memory by name"),
        pytest.param("sqlite:///file:x?mode=memory&uri=true", id="memory by URI"),
    ],
)
def test_a_url_nothing_can_be_kept_at_is_refused_without_showing_secrets(url):
    with pytest.raises(UsageError) as refused:
        open_store(url)

    assert "secret" not in str(refused.value)


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(StoreError, match="cannot be created"):
        create_store(f"sqlite:///{tmp_path / 'file' / 'gatekeeper.db'}")


def test_a_rule_of_the_database_that_we_broke_is_no_user_error(store):
    from sqlalchemy.exc import IntegrityError

    with pytest.raises(IntegrityError), store.transaction() as session:
        session.execute(text("INSERT INTO verdicts VALUES ('run-x', 'ADMIT', false, 'null', 'd')"))


def test_only_the_store_commits():
    commits = [
        path.relative_to(OURS).as_posix()
        for folder in ("gatekeeper", "audits", "policies", "regression", "api")
        for path in sorted((OURS / folder).rglob("*.py"))
        if re.search(r"\b(?!connection\b)\w+\.commit\(\)", path.read_text(encoding="utf-8"))
    ]

    assert commits == ["gatekeeper/store/database.py"]


def test_only_one_module_speaks_sqlite():
    speaking = [
        path.name
        for path in sorted((OURS / "gatekeeper" / "store").rglob("*.py"))
        if "PRAGMA" in path.read_text(encoding="utf-8")
    ]

    assert speaking == ["sqlite.py"]
