"""SQLite's log is carried over to the file beside the writers, and makes none of them wait."""

from pathlib import Path

import pytest

from gatekeeper.store import texts
from gatekeeper.store.database import create_store

SAID = "a sentence that is looked for in the file"


@pytest.fixture
def file(tmp_path):
    return tmp_path / "gatekeeper.db"


def test_what_was_written_reaches_the_file(file):
    store = create_store(f"sqlite:///{file}")
    store.carry_over()
    with store.transaction() as session:
        texts.keep(session, subject="upd-1", body=SAID)
    assert SAID.encode() not in Path(file).read_bytes()

    store.carry_over()

    assert SAID.encode() in Path(file).read_bytes()
    store.close()


def test_nobody_waits_for_it_and_it_waits_for_nobody(file):
    store = create_store(f"sqlite:///{file}")
    with store.transaction() as session:
        texts.keep(session, subject="upd-1", body=SAID)
        store.carry_over()  # would wait for this very transaction if it waited at all
        texts.keep(session, subject="upd-1", body=SAID + " twice")

    with store.reading() as session:
        assert len(texts.about(session, "upd-1")) == 2
    store.close()


def test_every_database_can_be_told_to(store):
    store.carry_over()

    with store.transaction() as session:
        digest = texts.keep(session, subject="upd-1", body=SAID)
    store.carry_over()
    with store.reading() as session:
        assert texts.find(session, digest) == SAID
