"""Whatever is done to single entries is found."""

import pytest
from sqlalchemy import text

from audits.ledger.check import MOST_FAULTS, verify_entries
from audits.ledger.merkle import leaf_hash, root
from gatekeeper.core.errors import StoreError
from gatekeeper.store import entries


def check(store, *tampering: str):
    with store.transaction() as session:
        for statement in tampering:
            session.execute(text(statement))
    with store.reading() as session:
        return verify_entries(session)


def test_an_untouched_ledger_is_intact_and_knows_its_root(store, fill):
    fill(5)

    checked = check(store)

    with store.reading() as session:
        leaves = [bytes(row.leaf) for row in entries.stream(session)]
    assert checked.intact
    assert checked.size == 5
    assert checked.root == root(map(leaf_hash, leaves))


def test_an_empty_ledger_is_intact_and_says_that_it_is_empty(store):
    checked = check(store)

    assert checked.intact
    assert checked.size == 0


@pytest.mark.parametrize(
    ("tampering", "seq", "code"),
    [
        pytest.param(
            ["UPDATE ledger_entries SET leaf = CAST(replace(leaf, 'upd-2', 'upd-9') AS BLOB) WHERE seq = 2"],
            2,
            "hash",
            id="leaf",
        ),
        pytest.param(
            ["UPDATE ledger_entries SET leaf = CAST(leaf AS TEXT) WHERE seq = 2"], 0, "unreadable", id="leaf as text"
        ),
        pytest.param(["UPDATE ledger_entries SET ts = 'never' WHERE seq = 2"], 0, "unreadable", id="no moment"),
        pytest.param(["UPDATE ledger_entries SET seq = 'last' WHERE seq = 4"], 4, "gap", id="no number"),
        pytest.param(["UPDATE ledger_entries SET leaf_hash = zeroblob(32) WHERE seq = 2"], 2, "hash", id="hash"),
        pytest.param(["UPDATE ledger_entries SET actor = 'service:x' WHERE seq = 2"], 2, "columns", id="actor"),
        pytest.param(["UPDATE ledger_entries SET subject = 'upd-9' WHERE seq = 2"], 2, "columns", id="subject"),
        pytest.param(["UPDATE ledger_entries SET type = 'run.started' WHERE seq = 2"], 2, "columns", id="type"),
        pytest.param(["UPDATE ledger_entries SET ts = '2001-01-01 00:00:00' WHERE seq = 2"], 2, "columns", id="ts"),
        pytest.param(["DELETE FROM ledger_entries WHERE seq = 2"], 2, "gap", id="deleted"),
        pytest.param(["DELETE FROM ledger_entries WHERE seq = 0"], 0, "gap", id="first deleted"),
        pytest.param(["DELETE FROM ledger_entries WHERE seq = 4"], 4, "size", id="last deleted"),
        pytest.param(["UPDATE ledger_head SET size = 4"], 5, "size", id="head"),
        pytest.param(
            [
                "UPDATE ledger_entries SET seq = 99 WHERE seq = 2",
                "UPDATE ledger_entries SET seq = 2 WHERE seq = 3",
                "UPDATE ledger_entries SET seq = 3 WHERE seq = 99",
            ],
            2,
            "columns",
            id="swapped",
        ),
    ],
)
def test_tampering_is_found_at_its_place(store, fill, tampering, seq, code):
    fill(5)

    checked = check(store, *tampering)

    assert not checked.intact
    assert (checked.faults[0].seq, checked.faults[0].code) == (seq, code)


def test_every_single_byte_of_a_leaf_counts(store, fill):
    fill(1)
    with store.reading() as session:
        (row,) = entries.stream(session)
    leaf = bytes(row.leaf)

    found = 0
    for position in range(len(leaf)):
        changed = leaf[:position] + bytes([leaf[position] ^ 1]) + leaf[position + 1 :]
        with store.transaction() as session:
            session.execute(text("UPDATE ledger_entries SET leaf = :leaf"), {"leaf": changed})
            found += not verify_entries(session).intact

    assert found == len(leaf)


def test_a_leaf_that_is_none_is_found_though_its_hash_is_right(store, fill):
    fill(1)
    with store.transaction() as session:
        session.execute(
            text("UPDATE ledger_entries SET leaf = :leaf, leaf_hash = :hash"),
            {"leaf": b"[]", "hash": leaf_hash(b"[]")},
        )

    assert check(store).faults[0].code == "unreadable"


def test_rewriting_everything_keeps_the_rules_but_not_the_root(store, fill):
    fill(3)
    before = check(store).root
    with store.transaction() as session:
        for row in list(entries.stream(session)):
            leaf = bytes(row.leaf).replace(b"SUBMITTED", b"EVALUATING")
            session.execute(
                text("UPDATE ledger_entries SET leaf = :leaf, leaf_hash = :hash WHERE seq = :seq"),
                {"leaf": leaf, "hash": leaf_hash(leaf), "seq": row.seq},
            )

    checked = check(store)

    assert checked.intact
    assert checked.root != before


def test_a_ledger_without_a_head_is_an_error(store):
    with pytest.raises(StoreError, match="head"):
        check(store, "DELETE FROM ledger_head")


def test_only_so_many_faults_are_listed(store, fill):
    fill(MOST_FAULTS + 5)

    checked = check(store, "UPDATE ledger_entries SET actor = 'service:x'")

    assert len(checked.faults) == MOST_FAULTS
