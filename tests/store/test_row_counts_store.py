"""Rows are history only while their update stands, and only after its quarantine."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update as change

from gatekeeper.core.errors import VerificationError
from gatekeeper.core.row_history import RowHistory
from gatekeeper.core.states import State
from gatekeeper.store import revocations, row_counts, updates
from gatekeeper.store.tables import RowCountsRow, UpdateRow

MODEL = "helper"
NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)
DATA = "sha256:" + "d" * 64


@pytest.fixture
def counted(store, propose):
    """Propose an update with counts, bring it to a state, and return its id."""

    def make(number, *, state=State.ACTIVE, live=NOW, days=7.0):
        update = propose(f"upd-{number:016x}")
        with store.transaction() as session:
            row_counts.keep(
                session,
                update_id=update.id,
                model=MODEL,
                data_digest=DATA,
                history=RowHistory(rows=number, sketch=bytes([number]) * 50),
                quarantine_days=days,
            )
            if live is not None:
                row_counts.went_live(session, update.id, now=live)
            session.execute(change(UpdateRow).where(UpdateRow.id == update.id).values(state=state))
        return update.id

    return make


def history_at(store, at):
    with store.reading() as session:
        return row_counts.counted(session, MODEL, at)


def test_rows_are_history_from_the_end_of_their_quarantine_on(store, counted):
    update = counted(1)

    assert history_at(store, NOW + 7 * DAY - timedelta(seconds=1)) == []
    assert history_at(store, NOW + 7 * DAY) == [update]


def test_an_update_that_was_never_live_has_no_history(store, counted):
    counted(1, state=State.APPROVED, live=None)

    assert history_at(store, NOW + 99 * DAY) == []


@pytest.mark.parametrize("state", State)
def test_only_what_is_or_was_live_in_good_standing_counts(store, counted, state):
    update = counted(1, state=state)

    found = history_at(store, NOW + 8 * DAY)

    assert found == ([update] if state in {State.ACTIVE, State.SUPERSEDED, State.PROMOTING} else [])


def test_bytes_that_were_revoked_take_their_rows_out_whatever_update_brought_them(store, counted):
    first = counted(1, state=State.SUPERSEDED)
    counted(2)
    with store.transaction() as session:
        digest = updates.require(session, first).manifest_digest
        revocations.revoke(session, update_digest=digest, update_id=first, code="decided", seq=0)

    assert history_at(store, NOW + 8 * DAY) == []


def test_going_live_again_never_shortens_or_restarts_a_quarantine(store, counted):
    update = counted(1)
    with store.transaction() as session:
        assert row_counts.went_live(session, update, now=NOW - 30 * DAY) is None
        assert row_counts.went_live(session, update, now=NOW + 30 * DAY) is None

    assert history_at(store, NOW + 6 * DAY) == []
    assert history_at(store, NOW + 8 * DAY) == [update]


def test_history_comes_in_the_order_in_which_it_became_history(store, counted):
    late, early = counted(2, live=NOW + DAY), counted(1)

    with store.reading() as session:
        found = row_counts.counted(session, MODEL, NOW + 30 * DAY)
        histories = list(row_counts.histories(session, found))

    assert found == [early, late]
    assert [(each.rows, each.sketch) for each in histories] == [(1, b"\x01" * 50), (2, b"\x02" * 50)]


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"rows": 9}, id="another number of rows"),
        pytest.param({"counts": b"no zlib"}, id="no counts"),
        pytest.param({"digest": DATA}, id="another digest"),
    ],
)
def test_counts_that_were_changed_are_no_history(store, counted, values):
    update = counted(1)
    with store.transaction() as session:
        session.execute(change(RowCountsRow).values(**values))

    with store.reading() as session, pytest.raises(VerificationError, match=update):
        list(row_counts.histories(session, [update]))
