"""Sessions and what counts once, on both databases."""

import threading
from datetime import UTC, datetime, timedelta

from gatekeeper.core.digests import sha256_bytes
from gatekeeper.store import sessions

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOUR, IDLE = timedelta(hours=1), timedelta(minutes=30)


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


def test_a_session_is_found_until_it_ends_or_nobody_uses_it(store):
    begin(store, "found")

    assert found(store, "found").log_in == {"amr": ["pwd"]}
    assert found(store, "found", now=NOW + IDLE - timedelta(seconds=1))
    assert found(store, "found", now=NOW + IDLE) is None
    assert found(store, "another") is None


def test_use_prolongs_a_session_and_never_beyond_its_end(store):
    row = begin(store, "used")
    for minutes in (25, 50):
        with store.transaction() as session:
            sessions.used(session, row.id, now=NOW + timedelta(minutes=minutes))

    assert found(store, "used", now=NOW + timedelta(minutes=59))
    assert found(store, "used", now=NOW + HOUR) is None


def test_what_is_sent_as_a_token_is_no_cookie_and_the_other_way_round(store):
    begin(store, "cookie")
    begin(store, "bearer", bearer=True)

    assert found(store, "cookie", bearer=True) is None
    assert found(store, "bearer") is None
    assert found(store, "bearer", bearer=True)


def test_an_ended_session_stays_ended(store):
    row = begin(store, "ended")
    with store.transaction() as session:
        sessions.end(session, digest("ended"), now=NOW)
        sessions.used(session, row.id, now=NOW + timedelta(minutes=1))

    assert found(store, "ended") is None


def test_every_session_of_one_person_ends_at_once(store):
    begin(store, "first", holder="person:all")
    begin(store, "second", holder="person:all")
    begin(store, "other", holder="person:other")

    with store.transaction() as session:
        assert sessions.end_all(session, "person:all", now=NOW) == 2
        assert sessions.end_all(session, "person:all", now=NOW) == 0

    assert found(store, "first") is None
    assert found(store, "other")


def test_the_oldest_session_of_a_person_ends_when_there_are_too_many(store):
    for number in range(4):
        begin(store, f"many-{number}", holder="person:many", now=NOW + timedelta(seconds=number), most=2)

    assert [found(store, f"many-{number}") is not None for number in range(4)] == [False, False, True, True]


def test_what_counts_once_counts_once_also_for_many_at_once(store):
    def spend():
        with store.transaction() as session:
            answers.append(sessions.spend(session, digest("state"), now=NOW, expires=NOW + HOUR))

    answers = []
    threads = [threading.Thread(target=spend) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answers) == [False] * 7 + [True]
