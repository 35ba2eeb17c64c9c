"""Proofs over the ledger in its database, with kept roots and without."""

import pytest
from sqlalchemy import delete, update

from audits.ledger import proofs
from audits.ledger.check import verify_entries
from audits.ledger.merkle import EMPTY_ROOT, root, verify_consistency, verify_inclusion
from gatekeeper.core.errors import StoreError, UsageError
from gatekeeper.store import entries
from gatekeeper.store.tables import EntryRow, LedgerNodeRow


@pytest.fixture
def small_subtrees(monkeypatch):
    """Keep roots of 4 and of 16 leaves, so that a short ledger has both kinds."""
    monkeypatch.setattr(entries, "KEPT_LEVELS", (2, 4))
    monkeypatch.setattr(entries, "SMALLEST_KEPT", 4)


def hashes_of(store):
    with store.reading() as session:
        return entries.leaf_hashes(session, 0, entries.size(session))


def test_kept_roots_are_those_of_the_leaves(store, fill, small_subtrees):
    fill(37)

    with store.reading() as session:
        kept = {level: entries.nodes(session, level=level) for level in (2, 4)}
        checked = verify_entries(session)

    hashes = hashes_of(store)
    assert kept[2] == {number: root(hashes[4 * number : 4 * number + 4]) for number in range(9)}
    assert kept[4] == {number: root(hashes[16 * number : 16 * number + 16]) for number in range(2)}
    assert checked.intact


def test_every_proof_of_a_ledger_with_kept_roots_holds(store, fill, small_subtrees):
    fill(37)
    hashes = hashes_of(store)

    with store.reading() as session:
        for size in range(1, 38):
            assert proofs.root_at(session, size) == root(hashes[:size])
            for seq in (0, size // 2, size - 1):
                proof = proofs.prove(session, seq, size)
                assert verify_inclusion(leaf=hashes[seq], index=seq, size=size, proof=proof, root=root(hashes[:size]))
            for old in (0, 1, size // 2, size):
                assert verify_consistency(
                    old_size=old,
                    old_root=root(hashes[:old]),
                    new_size=size,
                    new_root=root(hashes[:size]),
                    proof=proofs.consistency(session, old, size),
                )


def test_proofs_hold_without_any_kept_root(store, fill, small_subtrees):
    fill(37)
    with store.transaction() as session:
        session.execute(delete(LedgerNodeRow))

    with store.reading() as session:
        assert proofs.root_at(session, 37) == root(hashes_of(store))
        assert [fault.code for fault in verify_entries(session).faults] == ["node"] * 11


def test_a_wrong_kept_root_is_found_and_proves_nothing(store, fill, small_subtrees):
    fill(37)
    with store.transaction() as session:
        session.execute(update(LedgerNodeRow).where(LedgerNodeRow.number == 1).values(hash=b"w" * 32))

    with store.reading() as session:
        hashes = hashes_of(store)
        proof = proofs.prove(session, 0, 37)
        assert not verify_inclusion(leaf=hashes[0], index=0, size=37, proof=proof, root=root(hashes))
        assert {fault.code for fault in verify_entries(session).faults} == {"node"}


def test_a_missing_entry_ends_in_a_sentence(store, fill):
    fill(5)
    with store.transaction() as session:
        session.execute(delete(EntryRow).where(EntryRow.seq == 2))

    with store.reading() as session, pytest.raises(StoreError, match="missing"):
        proofs.root_at(session, 5)


def test_an_empty_ledger_has_the_empty_root(store):
    with store.reading() as session:
        assert proofs.root_at(session, 0) == EMPTY_ROOT


@pytest.mark.parametrize("ask", [(proofs.prove, 5, 5), (proofs.prove, 0, 9), (proofs.consistency, 4, 3)])
def test_what_the_ledger_does_not_hold_cannot_be_proved(store, fill, ask):
    fill(5)
    what, first, second = ask

    with store.reading() as session, pytest.raises(UsageError):
        what(session, first, second)
