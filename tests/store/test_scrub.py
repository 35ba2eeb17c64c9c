"""What was deleted leaves the files too, on either database, while others use it."""

import pytest

from gatekeeper.core.errors import StoreError
from gatekeeper.store import people, texts
from gatekeeper.store.database import create_store, open_store

SECRET = "nobody should read this any more"


def test_a_deleted_text_and_name_are_gone_and_the_rest_stays(store):
    with store.transaction() as session:
        kept = texts.keep(session, subject="upd-1", body="stays")
        gone = texts.keep(session, subject="upd-1", body=SECRET)
        known_as = people.remember(
            session, lookup="person:1", display_name="Friederike", pseudonym_of=lambda key: "person:" + key.hex()
        )
    with store.transaction() as session:
        texts.erase(session, gone)
        people.erase(session, known_as)

    store.scrub()

    with store.reading() as session:
        assert (texts.find(session, kept), texts.find(session, gone)) == ("stays", None)
        assert people.display_names(session) == {}


def test_a_reader_of_an_older_state_keeps_the_log_and_is_named(tmp_path):
    store = create_store(f"sqlite:///{tmp_path / 'gatekeeper.db'}")
    with store.transaction() as session:
        gone = texts.keep(session, subject="upd-1", body=SECRET)
    other = open_store(f"sqlite:///{tmp_path / 'gatekeeper.db'}")

    with other.reading() as reader:
        assert texts.find(reader, gone) == SECRET
        with store.transaction() as session:
            texts.erase(session, gone)
        with store.engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA busy_timeout=50")
        with pytest.raises(StoreError, match=r"write-ahead log|locked"):
            store.scrub()

    store.scrub()
    assert SECRET.encode() not in b"".join(file.read_bytes() for file in tmp_path.glob("gatekeeper.db*"))
    other.close()
    store.close()
