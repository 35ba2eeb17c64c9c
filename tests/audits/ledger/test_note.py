"""Signed notes: published examples of other implementations, our own, and hostile ones."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from audits.ledger.note import (
    COSIGNATURE,
    ED25519,
    MOST_SIGNATURES,
    Note,
    NoteSignature,
    VerifierKey,
    cosign,
    format_note,
    parse_note,
    parse_vkey,
    sign_note,
    verifier_key,
    verify_cosignature,
    verify_note,
)
from gatekeeper.core.errors import UsageError, VerificationError

# The example of Go's golang.org/x/mod/sumdb/note.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_PRIVATE = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
PETER_NOTE = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n"
    "\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)

# A checkpoint of a public staging log, as one public witness cosigned it.
REMORA = "remora.n621.de+da77ade7+BOvN63jn/bLvkieywe8R6UYAtVtNbZpXh34x7onlmtw2"
ARCHE = "arche2025h1.staging.ct.transparency.dev+ba2f06c0+AU0vHmlGCS/PdN8b2OaGmKprLI8HKM+dJ472xgFYh15f"
PUBLIC_CHECKPOINT = (
    "arche2025h1.staging.ct.transparency.dev\n"
    "1432088532\n"
    "U7WM79jrzyhGZ5/GUBTpM7NzwdyfFx61t3RovgcC4Ro=\n"
    "\n"
    "— arche2025h1.staging.ct.transparency.dev ui8GwCF1+kWqZrxGdhj4aX3gcw7XUlXQQabg/27lefwhUkzbC3NygNI75MdhL1bfTW9g8Ei"
    "59RA23oHP7Ry1k3ZFWwQ=\n"
    "— remora.n621.de 2net5wAAAABqEiEgPlfF3V06o0Y+fHM+J5J9s27wgxxcOVSpZ/2g/KSiXCg9DEZI+aVCIobWX9sXTynk5XeU/zZ0WBxtqB0D"
    "rAWfBw==\n"
)

# The spec's own example: text with an empty line in it.
SALVATORE_NOTE = (
    "Ognuno sta solo sul cuor della terra\n"
    "trafitto da un raggio di sole:\n"
    "\n"
    "ed è subito sera.\n"
    "\n"
    "— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3Z"
    "ekRwNtIc=\n"
)

KEY = Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)
OTHER = Ed25519PrivateKey.from_private_bytes(b"\x02" * 32)
TEXT = "log.example\n1\nAAAA\n"


def test_the_published_note_verifies():
    assert verify_note(parse_note(PETER_NOTE), parse_vkey(PETER))


def test_the_published_note_is_signed_again_byte_for_byte():
    private = Ed25519PrivateKey.from_private_bytes(base64.b64decode(PETER_PRIVATE)[1:])
    text = parse_note(PETER_NOTE).text

    signed = Note(text=text, signatures=(sign_note(text, "PeterNeumann", private),))

    assert format_note(signed) == PETER_NOTE
    assert str(verifier_key("PeterNeumann", private)) == PETER


def test_a_public_witness_s_cosignature_verifies_with_its_time():
    note = parse_note(PUBLIC_CHECKPOINT)

    assert verify_note(note, parse_vkey(ARCHE))
    assert verify_cosignature(note, parse_vkey(REMORA)) == 0x6A122120


def test_an_empty_line_inside_the_text_belongs_to_the_text():
    note = parse_note(SALVATORE_NOTE)

    assert note.text.endswith("\n\ned è subito sera.\n")
    assert format_note(note) == SALVATORE_NOTE


@given(position=st.integers(0, len(PUBLIC_CHECKPOINT.encode()) - 1), changed=st.integers(1, 255))
def test_no_changed_byte_keeps_both_signatures(position, changed):
    hostile = bytearray(PUBLIC_CHECKPOINT.encode())
    hostile[position] ^= changed

    try:
        note = parse_note(hostile.decode())
    except (UnicodeDecodeError, VerificationError):
        return

    both = verify_note(note, parse_vkey(ARCHE)) and verify_cosignature(note, parse_vkey(REMORA)) is not None
    assert not both


@given(text=st.text(max_size=300))
def test_any_text_is_a_note_or_a_verification_error(text):
    try:
        note = parse_note(text)
    except VerificationError:
        return

    assert format_note(note) == text


@given(text=st.text(max_size=120))
def test_any_text_is_a_verifier_key_or_a_usage_error(text):
    try:
        key = parse_vkey(text)
    except UsageError:
        return

    assert str(key) == text


@pytest.mark.parametrize(
    "hostile",
    [
        pytest.param("", id="nothing"),
        pytest.param("text\n", id="no signature"),
        pytest.param("text\n\n", id="an empty tail"),
        pytest.param(PETER_NOTE[:-1], id="no last newline"),
        pytest.param(PETER_NOTE + "\n", id="a line too many"),
        pytest.param(PETER_NOTE.replace("— ", "- "), id="a hyphen"),
        pytest.param(PETER_NOTE.replace("JnAM=", "JnAN="), id="stray bits in base64"),
        pytest.param(PETER_NOTE.replace("JnAM=", "JnAM"), id="no padding"),
        pytest.param(PETER_NOTE.replace("\n", "\r\n"), id="carriage returns"),
        pytest.param(PETER_NOTE.replace("answer", "ans\x00wer"), id="a control character"),
        pytest.param(PETER_NOTE.replace("answer", "ans\ud800wer"), id="a lone surrogate"),
        pytest.param(PETER_NOTE.replace("— PeterNeumann", "— Peter+Neumann"), id="a plus in the name"),
        pytest.param(PETER_NOTE.replace("— PeterNeumann", "— Peter\u2028Neumann"), id="a line separator in the name"),
        pytest.param("text\n\n— name AAAAAA==\n", id="a key id without a signature"),
        pytest.param("text\n\n" + "— name AAAAAAA=\n" * (MOST_SIGNATURES + 1), id="too many signatures"),
    ],
)
def test_what_is_no_note_is_refused(hostile):
    with pytest.raises(VerificationError):
        parse_note(hostile)


@pytest.mark.parametrize(
    "hostile",
    [
        pytest.param(PETER.replace("c74f20a3", "c74f20a4"), id="another key id"),
        pytest.param(PETER.replace("c74f20a3", "C74F20A3"), id="capital hex"),
        pytest.param(PETER.replace("Peter", "Pe ter"), id="a space in the name"),
        pytest.param(PETER + "=", id="padding"),
        pytest.param("name+00000000+" + base64.b64encode(b"\x02" + b"\x00" * 32).decode(), id="an unknown kind"),
    ],
)
def test_what_is_no_verifier_key_is_refused(hostile):
    with pytest.raises(UsageError):
        parse_vkey(hostile)


def test_a_key_of_the_same_name_does_not_verify_another_s_note():
    note = Note(text=TEXT, signatures=(sign_note(TEXT, "log.example", KEY),))

    assert not verify_note(note, verifier_key("log.example", OTHER))


def test_a_forged_line_under_a_trusted_key_s_id_does_not_verify():
    trusted = verifier_key("log.example", KEY)
    forged = NoteSignature(name="log.example", key_id=trusted.key_id, blob=OTHER.sign(TEXT.encode()))

    assert not verify_note(Note(text=TEXT, signatures=(forged,)), trusted)


def test_a_plain_signature_is_no_cosignature_and_the_other_way_round():
    plain, witness = verifier_key("w", KEY), verifier_key("w", KEY, kind=COSIGNATURE)
    note = Note(text=TEXT, signatures=(sign_note(TEXT, "w", KEY),))
    cosigned = Note(text=TEXT, signatures=(cosign(TEXT, "w", KEY, 5),))

    assert verify_note(note, plain)
    assert verify_cosignature(cosigned, witness) == 5
    assert verify_cosignature(note, witness) is None
    assert verify_cosignature(note, plain) is None
    assert not verify_note(cosigned, plain)
    assert not verify_note(cosigned, witness)


def test_a_cosignature_with_another_time_does_not_verify():
    line = cosign(TEXT, "w", KEY, 5)
    later = NoteSignature(name=line.name, key_id=line.key_id, blob=(6).to_bytes(8, "big") + line.blob[8:])

    assert verify_cosignature(Note(text=TEXT, signatures=(later,)), verifier_key("w", KEY, kind=COSIGNATURE)) is None


def test_a_cosignature_from_beyond_the_last_second_is_none():
    beyond = cosign(TEXT, "w", KEY, 1 << 63)

    assert verify_cosignature(Note(text=TEXT, signatures=(beyond,)), verifier_key("w", KEY, kind=COSIGNATURE)) is None


def test_a_public_key_that_is_no_point_verifies_nothing():
    weak = VerifierKey(name="w", kind=ED25519, public=b"\xff" * 32)
    line = NoteSignature(name="w", key_id=weak.key_id, blob=KEY.sign(TEXT.encode()))

    assert not verify_note(Note(text=TEXT, signatures=(line,)), weak)
