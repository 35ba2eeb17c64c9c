"""What a witness cosigns, and what it refuses."""

import hashlib
import itertools
from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from witnessed_log import LOG_VKEY, NAME, ORIGIN, WITNESS_KEY, WITNESS_VKEY, Log

from audits.ledger.merkle import root, verify_consistency
from audits.ledger.note import (
    Note,
    cosign,
    format_note,
    parse_note,
    parse_signature,
    parse_vkey,
    verifier_key,
    verify_cosignature,
)
from audits.witness.judge import Witness
from audits.witness.state import WitnessState, create_state
from audits.witness.wire import MOST_BYTES, SIZE_TYPE, Submission, format_submission, parse_submission
from gatekeeper.core.errors import UsageError, VerificationError


def cosigned_at(answer, note):
    """When the witness says that it signed this note; None when it did not."""
    line = parse_signature(answer.body.removesuffix("\n"))
    return verify_cosignature(Note(text=parse_note(note).text, signatures=(line,)), parse_vkey(WITNESS_VKEY))


def test_the_first_checkpoint_is_cosigned_without_a_proof(witness, log):
    answer = witness.add_checkpoint(log.submission(0, 7))

    assert answer.status == 200
    assert cosigned_at(answer, log.note(7)) == 1_700_000_000


def test_a_log_that_grew_is_cosigned_at_every_step(witness, log):
    sizes = [0, 1, 2, 7, 8, 9, 31, 32, 40]

    answers = [witness.add_checkpoint(log.submission(old, new)) for old, new in itertools.pairwise(sizes)]

    assert [answer.status for answer in answers] == [200] * 8


def test_the_same_checkpoint_is_cosigned_again(witness, log):
    witness.add_checkpoint(log.submission(0, 7))

    answer = witness.add_checkpoint(log.submission(7, 7))

    assert (answer.status, cosigned_at(answer, log.note(7))) == (200, 1_700_000_000)


def test_history_rewritten_with_the_log_s_own_key_is_refused(witness, log, rewritten):
    witness.add_checkpoint(log.submission(0, 7))

    answer = witness.add_checkpoint(rewritten.submission(7, 20))

    assert answer.status == 422
    assert verify_consistency(  # the forged log is whole in itself: nobody without the past would notice
        old_size=7,
        old_root=_root(rewritten, 7),
        new_size=20,
        new_root=_root(rewritten, 20),
        proof=rewritten.consistency(7, 20),
    )
    assert witness.add_checkpoint(log.submission(7, 20)).status == 200


def test_another_root_at_the_same_size_is_refused(witness, log, rewritten):
    witness.add_checkpoint(log.submission(0, 7))

    answer = witness.add_checkpoint(rewritten.submission(7, 7))

    assert (answer.status, answer.body) == (409, "7\n")


def test_both_notes_of_a_fork_are_written_down_once(witness, log, rewritten, caplog):
    witness.add_checkpoint(log.submission(0, 7))

    for _ in range(3):
        witness.add_checkpoint(rewritten.submission(7, 7))

    assert len(caplog.messages) == 1
    for forked in (log, rewritten):
        assert repr(parse_note(forked.note(7)).text)[1:-1] in caplog.text


def test_a_log_that_shrank_is_refused(witness, log):
    witness.add_checkpoint(log.submission(0, 20))

    from_the_start = witness.add_checkpoint(log.submission(0, 7))
    from_there = witness.add_checkpoint(format_submission(Submission(old_size=20, proof=(), note=log.note(7))))

    assert (from_the_start.status, from_the_start.body, from_the_start.media_type) == (409, "20\n", SIZE_TYPE)
    assert from_there.status == 400
    assert witness.add_checkpoint(log.submission(20, 21)).status == 200


def test_a_log_that_the_witness_does_not_serve_is_refused(witness):
    assert witness.add_checkpoint(Log(["a"], origin="log.example/2").submission(0, 1)).status == 404


def test_a_checkpoint_signed_by_another_key_is_refused(witness):
    stranger = Ed25519PrivateKey.from_private_bytes(b"\x09" * 32)

    assert witness.add_checkpoint(Log(["a"], key=stranger).submission(0, 1)).status == 403


def test_a_proof_where_none_belongs_is_refused(witness, log):
    assert witness.add_checkpoint(log.submission(0, 7, proof=[b"\x00" * 32])).status == 422
    assert witness.add_checkpoint(log.submission(0, 7)).status == 200
    assert witness.add_checkpoint(log.submission(7, 7, proof=[b"\x00" * 32])).status == 422


def test_a_proof_that_lacks_a_hash_is_refused(witness, log):
    witness.add_checkpoint(log.submission(0, 7))

    assert witness.add_checkpoint(log.submission(7, 20, proof=log.consistency(7, 20)[:-1])).status == 422


@given(body=st.binary(max_size=400))
def test_any_body_is_a_submission_or_a_verification_error(body):
    try:
        submission = parse_submission(body)
    except VerificationError:
        return

    assert format_submission(submission) == body


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda body: b"", id="nothing"),
        pytest.param(lambda body: body.replace(b"old 7", b"old 07"), id="a leading zero"),
        pytest.param(lambda body: body.replace(b"old 7", b"old -7"), id="a negative size"),
        pytest.param(lambda body: body.replace(b"old 7\n", b"old 7\nAAAA\n"), id="a short hash"),
        pytest.param(lambda body: body.replace(b"old 7\n", b"old 7\n" + b"A" * 43 + b"=\n" * 64), id="too many lines"),
        pytest.param(lambda body: body[:-1], id="no last newline"),
        pytest.param(lambda body: b"\xff" + body, id="no UTF-8"),
        pytest.param(lambda body: body + b" " * MOST_BYTES, id="too large"),
    ],
)
def test_an_unreadable_request_is_refused(witness, log, change):
    witness.add_checkpoint(log.submission(0, 7))

    assert witness.add_checkpoint(change(log.submission(7, 20))).status == 400


def test_a_cosignature_never_leaves_before_the_state_is_on_the_disk(witness, log, state_file):
    witness.add_checkpoint(log.submission(0, 7))
    before = state_file.read_text()
    (state_file.parent / "witness.json.draft").mkdir()

    answer = witness.add_checkpoint(log.submission(7, 20))

    assert (answer.status, "—" in answer.body) == (503, False)
    assert state_file.read_text() == before
    (state_file.parent / "witness.json.draft").rmdir()
    assert witness.add_checkpoint(log.submission(7, 20)).status == 200


def test_a_witness_that_starts_again_remembers(witness, state, log, rewritten, state_file):
    witness.add_checkpoint(log.submission(0, 20))
    state.close()
    again = WitnessState.open(state_file)

    second = Witness(name=NAME, key=WITNESS_KEY, logs=[LOG_VKEY], state=again)

    assert second.add_checkpoint(rewritten.submission(20, 40)).status == 422
    assert second.add_checkpoint(log.submission(0, 7)).body == "20\n"
    assert second.add_checkpoint(log.submission(20, 40)).status == 200
    again.close()


def test_of_many_that_continue_one_past_at_once_one_is_cosigned(witness, log):
    witness.add_checkpoint(log.submission(0, 5))
    bodies = [log.submission(5, size) for size in range(6, 38)]

    with ThreadPoolExecutor(8) as pool:
        statuses = [answer.status for answer in pool.map(witness.add_checkpoint, bodies)]

    assert sorted(statuses) == [200] + [409] * 31


def test_the_note_cosigned_last_is_there_for_whoever_keeps_watch(witness, log):
    digest = hashlib.sha256(ORIGIN.encode()).hexdigest()

    assert witness.last_note(digest) is None
    witness.add_checkpoint(log.submission(0, 7))

    note = parse_note(witness.last_note(digest))
    assert note.text == parse_note(log.note(7)).text
    assert verify_cosignature(note, parse_vkey(WITNESS_VKEY)) == 1_700_000_000


def test_a_stranger_s_line_is_not_kept(witness, log):
    note = parse_note(log.note(7))
    line = cosign(note.text, "stranger", Ed25519PrivateKey.from_private_bytes(b"\x09" * 32), 1)
    crowded = format_note(Note(text=note.text, signatures=(line, *note.signatures)))

    answer = witness.add_checkpoint(format_submission(Submission(old_size=0, proof=(), note=crowded)))

    assert answer.status == 200
    assert "stranger" not in witness.last_note(hashlib.sha256(ORIGIN.encode()).hexdigest())


def test_a_log_may_have_two_keys_while_one_replaces_the_other(state, log):
    new_key = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
    renewed = Log([f"leaf {n}" for n in range(40)], key=new_key)
    both = [LOG_VKEY, str(verifier_key(ORIGIN, new_key))]
    witness = Witness(name=NAME, key=WITNESS_KEY, logs=both, state=state)

    assert witness.add_checkpoint(log.submission(0, 7)).status == 200
    assert witness.add_checkpoint(renewed.submission(7, 20)).status == 200


def test_a_witness_started_without_the_former_key_goes_on_from_the_same_memory(state, log):
    new_key = Ed25519PrivateKey.from_private_bytes(b"\x07" * 32)
    after = Log([f"leaf {n}" for n in range(40)], key=new_key)
    both = [LOG_VKEY, str(verifier_key(ORIGIN, new_key))]
    witness = Witness(name=NAME, key=WITNESS_KEY, logs=both, state=state)
    assert witness.add_checkpoint(log.submission(0, 7)).status == 200
    assert witness.add_checkpoint(after.submission(7, 20)).status == 200

    witness = Witness(name=NAME, key=WITNESS_KEY, logs=both[1:], state=state)

    assert witness.add_checkpoint(log.submission(20, 31)).status == 403
    assert witness.add_checkpoint(after.submission(20, 31)).status == 200


@pytest.mark.parametrize("logs", [[], [WITNESS_VKEY], ["no key"]])
def test_a_witness_without_a_log_s_key_does_not_start(state, logs):
    with pytest.raises(UsageError):
        Witness(name=NAME, key=WITNESS_KEY, logs=logs, state=state)


def test_a_witness_without_the_past_would_cosign_the_forged_one(tmp_path, rewritten):
    create_state(tmp_path / "new.json")
    state = WitnessState.open(tmp_path / "new.json")

    answer = Witness(name=NAME, key=WITNESS_KEY, logs=[LOG_VKEY], state=state).add_checkpoint(
        rewritten.submission(0, 20)
    )

    assert answer.status == 200  # which is why a missing state is never taken for an empty one
    state.close()


def _root(log, size):
    return root(log.hashes[:size])
