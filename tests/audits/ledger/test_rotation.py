"""A former key of the log signs nothing beyond its hand-over that anybody with the leaves accepts."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audits.ledger.checkpoint import Checkpoint, checkpoint_text
from audits.ledger.events import Event
from audits.ledger.export import export_text, verify_export
from audits.ledger.keys import LOG_FILE, create_keys, load_key, next_key, take_over
from audits.ledger.log import append
from audits.ledger.note import Note, format_note, sign_note, verifier_key
from audits.ledger.proofs import root_at
from audits.ledger.rotation import public_id, rotations
from audits.ledger.signing import sign_checkpoint
from gatekeeper.core.errors import StateError, UsageError, VerificationError
from gatekeeper.store import entries
from gatekeeper.store.database import create_store

ORIGIN = "gatekeeper.local/test"
OLD, NEW = (Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32) for seed in (1, 2))
TRUST = {
    "origin": ORIGIN,
    "log_keys": [str(verifier_key(ORIGIN, key)) for key in (OLD, NEW)],
    "witnesses": (),
    "quorum": 0,
}


@pytest.fixture
def store(tmp_path):
    made = create_store(f"sqlite:///{tmp_path / 'gatekeeper.db'}")
    yield made
    made.close()


def add(store, type=Event.UPDATE_EXPIRED, subject="upd-1", **data):
    with store.transaction() as session:
        data = data or {"update_digest": "sha256:" + "0" * 64, "state": "APPROVED"}
        return append(session, type=type, actor="service:test", subject=subject, data=data).seq


def hand_over(store, subject="log"):
    old, new = (public_id(key.public_key().public_bytes_raw()) for key in (OLD, NEW))
    return add(store, Event.KEY_ROTATED, subject, old=old, new=new)


def signed(store, key, size):
    """What somebody with this key can make, whatever our own code would refuse."""
    with store.reading() as session:
        text = checkpoint_text(Checkpoint(origin=ORIGIN, size=size, root=root_at(session, size)))
    return format_note(Note(text=text, signatures=(sign_note(text, ORIGIN, key),)))


def exported(store, key, size):
    note = signed(store, key, size)
    with store.reading() as session:
        return export_text(session, size=size, note=note)


@pytest.fixture
def handed_over(store):
    """A log of three entries whose second is the hand-over."""
    add(store)
    assert hand_over(store) == 1
    add(store)
    return store


@pytest.mark.parametrize(("key", "size"), [(OLD, 1), (OLD, 2), (NEW, 2), (NEW, 3)])
def test_each_key_signs_for_its_own_time(handed_over, key, size):
    assert verify_export(exported(handed_over, key, size), **TRUST).checkpoint.size == size


def test_a_former_key_beyond_its_hand_over_is_a_fault(handed_over):
    with pytest.raises(VerificationError, match="handed over before"):
        verify_export(exported(handed_over, OLD, 3), **TRUST)


def test_a_known_checkpoint_is_held_to_it_too(handed_over):
    add(handed_over)

    with pytest.raises(VerificationError, match="handed over before"):
        verify_export(exported(handed_over, NEW, 4), **TRUST, known=signed(handed_over, OLD, 3))


def test_our_own_former_key_signs_nothing_more(handed_over):
    with handed_over.transaction() as session, pytest.raises(StateError, match="former one"):
        sign_checkpoint(session, origin=ORIGIN, key=OLD)
    with handed_over.transaction() as session:
        assert sign_checkpoint(session, origin=ORIGIN, key=NEW).size == 3


def test_the_hand_over_itself_is_signed_by_the_former_key(store):
    hand_over(store)

    with store.transaction() as session:
        assert sign_checkpoint(session, origin=ORIGIN, key=OLD).size == 1


def test_another_purposes_hand_over_retires_no_log_key(store):
    hand_over(store, subject="passport")
    add(store)

    assert verify_export(exported(store, OLD, 2), **TRUST).checkpoint.size == 2


def test_a_leaf_that_says_nothing_is_no_hand_over_but_a_fault():
    with pytest.raises(VerificationError):
        rotations([b'{"type":"key.rotated","subject":"log","seq":1,"data":{}}'])


def test_rotations_are_read_from_the_leaves(handed_over):
    with handed_over.reading() as session:
        (found,) = rotations(entries.leaves(session, 3))
    assert (found.seq, found.old) == (1, public_id(OLD.public_key().public_bytes_raw()))


def test_the_new_key_takes_the_formers_place_and_the_former_is_kept(tmp_path):
    create_keys(tmp_path)
    former = load_key(tmp_path / LOG_FILE).private_bytes_raw()
    waits = next_key(tmp_path, LOG_FILE).private_bytes_raw()
    assert next_key(tmp_path, LOG_FILE).private_bytes_raw() == waits

    kept = take_over(tmp_path, LOG_FILE)

    assert load_key(tmp_path / LOG_FILE).private_bytes_raw() == waits
    assert load_key(kept).private_bytes_raw() == former
    assert kept.stat().st_mode & 0o077 == 0
    with pytest.raises(UsageError):
        take_over(tmp_path, LOG_FILE)


def test_the_former_key_can_be_destroyed(tmp_path):
    create_keys(tmp_path)
    next_key(tmp_path, LOG_FILE)

    assert take_over(tmp_path, LOG_FILE, destroy=True) is None

    assert [file.name for file in tmp_path.glob("log.pem*")] == [LOG_FILE]


def test_a_take_over_that_was_cut_off_can_be_repeated(tmp_path):
    create_keys(tmp_path)
    waits = next_key(tmp_path, LOG_FILE).private_bytes_raw()
    former = load_key(tmp_path / LOG_FILE)
    name = f"{LOG_FILE}.{public_id(former.public_key().public_bytes_raw())[:16]}.old"
    (tmp_path / name).hardlink_to(tmp_path / LOG_FILE)

    assert take_over(tmp_path, LOG_FILE) == tmp_path / name
    assert load_key(tmp_path / LOG_FILE).private_bytes_raw() == waits
