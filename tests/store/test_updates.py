"""Updates come back as they were written, and only move where they may."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from gatekeeper.core.errors import StateError, UsageError, VerificationError
from gatekeeper.core.states import MOVES, State
from gatekeeper.store import updates


def test_an_update_comes_back_as_it_was_written(store, proposed):
    with store.reading() as session:
        row = updates.require(session, proposed.id)

        assert updates.as_update(row) == proposed
        assert row.state is State.SUBMITTED
        assert row.revision == 1
        assert row.created.tzinfo is UTC


def test_a_manifest_changed_in_the_database_is_found(store, proposed):
    with store.transaction() as session:
        session.execute(text("UPDATE updates SET manifest = replace(manifest, '111', '112')"))

    with store.reading() as session, pytest.raises(VerificationError):
        updates.as_update(updates.require(session, proposed.id))


def test_an_unknown_update_is_nothing_or_a_usage_error(store):
    with store.reading() as session:
        assert updates.find(session, "upd-none") is None
        with pytest.raises(UsageError, match="upd-none"):
            updates.require(session, "upd-none")


def test_updates_are_listed_newest_first(store, propose):
    first, second = propose("upd-1"), propose("upd-2")

    with store.reading() as session:
        assert [row.id for row in updates.latest(session, model="helper")] == [second.id, first.id]
        assert updates.latest(session, model="other") == []
        assert [row.id for row in updates.with_digest(session, "helper", first.digest)] == [first.id, second.id]
        assert [row.id for row in updates.in_state(session, State.SUBMITTED)] == [first.id, second.id]


def test_a_move_is_seen_by_rows_already_loaded(store, proposed):
    with store.transaction() as session:
        row = updates.require(session, proposed.id)

        left = updates.move(session, proposed.id, State.EVALUATING)

        assert left is State.SUBMITTED
        assert row.state is State.EVALUATING
        assert row.revision == 2


def test_a_stale_view_moves_nothing(store, proposed):
    with store.transaction() as session:
        updates.move(session, proposed.id, State.EVALUATING, revision=1)

    with store.transaction() as session, pytest.raises(StateError, match="meanwhile"):
        updates.move(session, proposed.id, State.ERRORED, revision=1)


def test_moving_an_unknown_update_is_a_usage_error(store):
    with store.transaction() as session, pytest.raises(UsageError):
        updates.move(session, "upd-none", State.EVALUATING)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wishes=st.lists(st.tuples(st.booleans(), st.integers(0, 17)), max_size=12))
def test_only_allowed_moves_ever_happen(store, propose, wishes):
    update = propose(updates.new_update_id())
    stands, moves = State.SUBMITTED, 0

    for allowed, number in wishes:
        among = sorted(MOVES[stands]) if allowed and MOVES[stands] else list(State)
        wish = among[number % len(among)]
        with store.transaction() as session:
            if wish in MOVES[stands]:
                assert updates.move(session, update.id, wish) is stands
                stands, moves = wish, moves + 1
            else:
                with pytest.raises(StateError):
                    updates.move(session, update.id, wish)

    with store.reading() as session:
        row = updates.require(session, update.id)
        assert (row.state, row.revision) == (stands, 1 + moves)


def test_moments_are_kept_in_utc_whatever_zone_they_came_in(store, proposed):
    there = datetime(2030, 1, 2, 3, 4, 5, 678901, tzinfo=timezone(timedelta(hours=5, minutes=30)))

    with store.transaction() as session:
        updates.move(session, proposed.id, State.EVALUATING, now=there)

    with store.reading() as session:
        read = updates.require(session, proposed.id).updated
        assert read == there
        assert read.tzinfo is UTC


def test_a_moment_without_a_zone_is_refused(store, proposed):
    with pytest.raises(Exception, match="without a time zone"), store.transaction() as session:
        updates.move(session, proposed.id, State.EVALUATING, now=datetime(2030, 1, 1))  # noqa: DTZ001 - the point


def test_the_registered_version_is_remembered(store, proposed):
    with store.transaction() as session:
        assert updates.require(session, proposed.id).registered_version is None

        updates.registered_as(session, proposed.id, "3")

    with store.reading() as session:
        assert updates.require(session, proposed.id).registered_version == "3"
