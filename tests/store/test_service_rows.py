"""Tokens and kept answers, on both databases."""

import threading
from datetime import UTC, datetime, timedelta

import pytest

from gatekeeper.core.digests import sha256_bytes
from gatekeeper.core.errors import UsageError
from gatekeeper.store import answers, tokens
from gatekeeper.store.answers import Kept

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
DANA, KIM = "person:" + "d" * 64, "person:" + "e" * 64
ONE, OTHER = sha256_bytes(b"one"), sha256_bytes(b"other")
ANSWER = Kept(status=201, media="application/json", headers={"etag": '"a"'}, body=b"\x00{}")


def claim(session, key, *, holder=DANA, request=ONE, now=NOW):
    return answers.claim(session, holder=holder, key=key, request=request, now=now, patience=HOUR)


def test_a_kept_answer_comes_back_byte_for_byte(store):
    with store.transaction() as session:
        mine = claim(session, "back").mine
        answers.keep(session, holder=DANA, key="back", mine=mine, answer=ANSWER, expires=NOW + HOUR)

    with store.transaction() as session:
        again, other, stranger = (
            claim(session, "back"),
            claim(session, "back", request=OTHER),
            claim(session, "back", holder=KIM),
        )

    assert (again.mine, again.same, again.kept) == (None, True, ANSWER)
    assert (other.mine, other.same) == (None, False)
    assert stranger.mine is not None


def test_what_is_worked_on_is_nobody_elses_until_it_is_given_back(store):
    with store.transaction() as session:
        first = claim(session, "work")
        second = claim(session, "work")
        answers.let_go(session, holder=DANA, key="work", mine=first.mine)
        third = claim(session, "work")

    assert (second.mine, second.kept) == (None, None)
    assert third.mine not in (None, first.mine)


def test_whoever_lost_their_claim_keeps_nothing(store):
    with store.transaction() as session:
        late = claim(session, "late")
        answers.let_go(session, holder=DANA, key="late", mine=late.mine)
        claim(session, "late")
        answers.keep(session, holder=DANA, key="late", mine=late.mine, answer=ANSWER, expires=NOW + HOUR)
        now = claim(session, "late")

    assert now.kept is None


def test_a_key_is_free_after_its_time(store):
    with store.transaction() as session:
        dead = claim(session, "old")
        heir = claim(session, "old", now=NOW + HOUR)

    assert heir.mine not in (None, dead.mine)


def test_of_many_that_claim_one_key_at_once_one_has_it(store):
    start = threading.Barrier(8)
    claims = []

    def take():
        start.wait()
        with store.transaction() as session:
            claims.append(claim(session, "race"))

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(claims) == 8
    assert sum(each.mine is not None for each in claims) == 1


def test_a_token_is_found_by_its_text_and_by_nothing_else(store):
    token = tokens.new_token()
    with store.transaction() as session:
        made = tokens.add(session, token, holder=DANA, roles=("auditor", "approver"), now=NOW, expires=NOW + HOUR)

    with store.reading() as session:
        assert tokens.find(session, token).id == made.id
        assert tokens.find(session, token).roles == ["approver", "auditor"]
        assert tokens.find(session, token[:-1]) is None
        assert tokens.find(session, made.digest) is None
        assert tokens.any_counts(session, now=NOW)
        assert not tokens.any_counts(session, now=NOW + HOUR)


def test_a_token_that_was_ended_stays_ended_since_then(store):
    token = tokens.new_token()
    with store.transaction() as session:
        made = tokens.add(session, token, holder=DANA, roles=(), now=NOW, expires=NOW + HOUR)
        tokens.revoke(session, made.id, now=NOW)
        again = tokens.revoke(session, made.id, now=NOW + HOUR)

        assert again.revoked == NOW
        with pytest.raises(UsageError, match="no token"):
            tokens.revoke(session, "tok-0", now=NOW)


def test_a_use_is_noted_again_after_a_minute(store):
    token = tokens.new_token()
    with store.transaction() as session:
        made = tokens.add(session, token, holder=DANA, roles=(), now=NOW, expires=NOW + HOUR)
        assert not tokens.is_noted(made, now=NOW)
        tokens.used(session, made.id, now=NOW)
        used = tokens.find(session, token)

    assert tokens.is_noted(used, now=NOW + timedelta(seconds=59))
    assert not tokens.is_noted(used, now=NOW + timedelta(seconds=60))
