"""Checkpoints: their text, and what makes one believable."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from audits.ledger.checkpoint import Checkpoint, checkpoint_text, parse_checkpoint, verified_checkpoint
from audits.ledger.note import COSIGNATURE, Note, cosign, format_note, sign_note, verifier_key
from gatekeeper.core.errors import VerificationError

ORIGIN = "log.example/1"
LOG = Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)
WITNESSES = [Ed25519PrivateKey.from_private_bytes(bytes([n]) * 32) for n in (2, 3)]
LOG_KEYS = [str(verifier_key(ORIGIN, LOG))]
WITNESS_KEYS = [str(verifier_key(f"w{n}", key, kind=COSIGNATURE)) for n, key in enumerate(WITNESSES)]
CHECKPOINT = Checkpoint(origin=ORIGIN, size=7, root=b"\x05" * 32)
EXAMPLE = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"


def signed(*, log=LOG, witnesses=(), text=None):
    text = checkpoint_text(CHECKPOINT) if text is None else text
    lines = [sign_note(text, ORIGIN, log)]
    lines += [cosign(text, f"w{n}", WITNESSES[n], 1_700_000_000) for n in witnesses]
    return format_note(Note(text=text, signatures=tuple(lines)))


def check(note, *, quorum=0, origin=ORIGIN):
    return verified_checkpoint(note, origin=origin, log_keys=LOG_KEYS, witnesses=WITNESS_KEYS, quorum=quorum)


def test_the_specification_s_example_is_read_and_written_back():
    checkpoint = parse_checkpoint(EXAMPLE)

    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert checkpoint_text(checkpoint) == EXAMPLE


@pytest.mark.parametrize(
    "hostile",
    [
        pytest.param(EXAMPLE + "extension\n", id="an extension line"),
        pytest.param(EXAMPLE[:-1], id="no last newline"),
        pytest.param(EXAMPLE.replace("20852163", "020852163"), id="a leading zero"),
        pytest.param(EXAMPLE.replace("20852163", "-1"), id="a negative size"),
        pytest.param(EXAMPLE.replace("20852163", "٣"), id="another script's digit"),
        pytest.param(EXAMPLE.replace("20852163", "9" * 19), id="a size beyond 64 bits"),
        pytest.param(EXAMPLE.replace("q2I=", "q2J="), id="stray bits in base64"),
        pytest.param(EXAMPLE.replace("CsUY", ""), id="a short root"),
        pytest.param(EXAMPLE.replace("example.com/behind-the-sofa", ""), id="no origin"),
    ],
)
def test_what_is_no_checkpoint_is_refused(hostile):
    with pytest.raises(VerificationError):
        parse_checkpoint(hostile)


@given(text=st.text(max_size=200))
def test_any_text_is_a_checkpoint_or_a_verification_error(text):
    try:
        checkpoint = parse_checkpoint(text)
    except VerificationError:
        return

    assert checkpoint_text(checkpoint) == text


@pytest.mark.parametrize("witnesses", [(), (0,), (0, 1)])
def test_the_witnesses_that_signed_are_counted(witnesses):
    assert check(signed(witnesses=witnesses), quorum=len(witnesses)) == (CHECKPOINT, len(witnesses))


def test_too_few_witnesses_are_too_few():
    with pytest.raises(VerificationError, match="1 of the 2 witnesses"):
        check(signed(witnesses=(0,)), quorum=2)


def test_one_witness_that_signs_twice_counts_once():
    with pytest.raises(VerificationError, match="1 of the 2 witnesses"):
        check(signed(witnesses=(0, 0)), quorum=2)


def test_one_witness_key_under_two_names_counts_once():
    text = checkpoint_text(CHECKPOINT)
    lines = (sign_note(text, ORIGIN, LOG), cosign(text, "a", WITNESSES[0], 1), cosign(text, "b", WITNESSES[0], 1))
    keys = [str(verifier_key(name, WITNESSES[0], kind=COSIGNATURE)) for name in ("a", "b")]

    with pytest.raises(VerificationError, match="1 of the 2 witnesses"):
        verified_checkpoint(
            format_note(Note(text=text, signatures=lines)), origin=ORIGIN, log_keys=LOG_KEYS, witnesses=keys, quorum=2
        )


def test_another_log_s_checkpoint_is_refused():
    with pytest.raises(VerificationError, match="is of the log"):
        check(signed(), origin="log.example/2")


def test_a_checkpoint_signed_by_another_key_is_refused():
    with pytest.raises(VerificationError, match="no signature of a log key"):
        check(signed(log=WITNESSES[0]))


def test_a_witness_s_key_does_not_stand_in_for_the_log_s():
    text = checkpoint_text(CHECKPOINT)
    note = format_note(Note(text=text, signatures=(cosign(text, "w0", WITNESSES[0], 1),)))

    with pytest.raises(VerificationError, match="no signature of a log key"):
        verified_checkpoint(
            note, origin=ORIGIN, log_keys=[*LOG_KEYS, WITNESS_KEYS[0]], witnesses=WITNESS_KEYS, quorum=0
        )


def test_a_line_by_nobody_we_know_is_refused():
    text = checkpoint_text(CHECKPOINT)
    stranger = cosign(text, "stranger", Ed25519PrivateKey.from_private_bytes(b"\x09" * 32), 1)
    note = format_note(Note(text=text, signatures=(sign_note(text, ORIGIN, LOG), stranger)))

    with pytest.raises(VerificationError, match="'stranger'"):
        check(note)


@given(position=st.integers(0, 10_000), changed=st.integers(1, 255))
def test_no_changed_byte_of_a_cosigned_checkpoint_is_accepted(position, changed):
    hostile = bytearray(signed(witnesses=(0, 1)).encode())
    hostile[position % len(hostile)] ^= changed

    with pytest.raises((VerificationError, UnicodeDecodeError)):
        check(hostile.decode(), quorum=1)
