"""Whatever is done to an export, somebody with the trust file alone finds it."""

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audits.ledger import proofs
from audits.ledger.checkpoint import Checkpoint, checkpoint_text, parse_checkpoint
from audits.ledger.export import export_text, verify_export
from audits.ledger.merkle import leaf_hash, root
from audits.ledger.note import COSIGNATURE, Note, cosign, format_note, parse_note, sign_note, verifier_key
from audits.ledger.signing import sign_checkpoint
from audits.ledger.tlog_proof import proof_text, verify_proof
from gatekeeper.core.digests import canonical
from gatekeeper.core.errors import VerificationError
from gatekeeper.store import entries

ORIGIN = "gatekeeper.local/test"
LOG = Ed25519PrivateKey.from_private_bytes(b"l" * 32)
WITNESS = Ed25519PrivateKey.from_private_bytes(b"w" * 32)
KEYS = {"origin": ORIGIN, "log_keys": [str(verifier_key(ORIGIN, LOG))], "witnesses": [], "quorum": 0}
WITNESSED = {**KEYS, "witnesses": [str(verifier_key("witness", WITNESS, kind=COSIGNATURE))], "quorum": 1}
SIZE = 40


def signed(leaves, *, witnessed=False):
    """A checkpoint over these leaves, by whoever holds the log key."""
    checkpoint = Checkpoint(origin=ORIGIN, size=len(leaves), root=root(leaf_hash(leaf) for leaf in leaves))
    text = checkpoint_text(checkpoint)
    signatures = [sign_note(text, ORIGIN, LOG)]
    if witnessed:
        signatures.append(cosign(text, "witness", WITNESS, 1_700_000_000))
    return format_note(Note(text=text, signatures=tuple(signatures)))


def file_of(leaves, note):
    lines = "".join(base64.b64encode(leaf).decode() + "\n" for leaf in leaves)
    return f"gatekeeper ledger export v1\n{len(leaves)}\n\n{note}\n{lines}"


def renumbered(leaves):
    """The leaves with the numbers that their places ask for, as somebody who rewrites history would write them."""
    return [canonical({**json.loads(leaf), "seq": number}) for number, leaf in enumerate(leaves)]


@pytest.fixture
def ledger(store, fill):
    fill(SIZE)
    with store.transaction() as session:
        row = sign_checkpoint(session, origin=ORIGIN, key=LOG)
    with store.reading() as session:
        leaves = entries.leaves(session, SIZE)
        return export_text(session, size=row.size, note=row.note), leaves


def test_an_export_is_whole(ledger):
    text, leaves = ledger

    checked = verify_export(text, **KEYS)

    assert (checked.checkpoint.size, checked.witnesses) == (SIZE, 0)
    assert text == file_of(leaves, signed(leaves))


def test_an_empty_ledger_can_be_exported(store):
    with store.transaction() as session:
        row = sign_checkpoint(session, origin=ORIGIN, key=LOG)
        text = export_text(session, size=0, note=row.note)

    assert verify_export(text, **KEYS).checkpoint.size == 0


def test_every_changed_byte_is_found(ledger):
    raw = ledger[0].encode()
    for place in range(len(raw)):
        for change in (1, 0x20):
            changed = bytearray(raw)
            changed[place] ^= change
            try:
                text = changed.decode()
            except UnicodeDecodeError:
                continue  # no reader gets that far: the command says that it is no text
            with pytest.raises(VerificationError):
                verify_export(text, **KEYS)


def test_a_deleted_doubled_swapped_or_cut_entry_is_found(ledger):
    _text, leaves = ledger
    note = signed(leaves)
    for wrong in (
        leaves[:7] + leaves[8:],
        [*leaves[:7], leaves[6], *leaves[7:]],
        [*leaves[:7], leaves[8], leaves[7], *leaves[9:]],
        leaves[:-1],
        leaves[1:],
        [],
    ):
        with pytest.raises(VerificationError):
            verify_export(file_of(wrong, note), **KEYS)


def test_a_rewritten_history_under_the_stolen_log_key_passes_without_a_witness_and_not_with_one(ledger):
    _text, leaves = ledger
    kept = signed(leaves, witnessed=True)
    rewritten = renumbered(leaves[:7] + leaves[8:])
    forged = file_of(rewritten, signed(rewritten))

    assert verify_export(forged, **KEYS).checkpoint.size == SIZE - 1
    with pytest.raises(VerificationError, match="witnesses"):
        verify_export(forged, **WITNESSED)
    with pytest.raises(VerificationError, match="cut off"):
        verify_export(forged, **KEYS | {"witnesses": WITNESSED["witnesses"]}, known=kept)


def test_a_history_that_grew_after_it_was_rewritten_is_found_by_the_kept_checkpoint(ledger):
    _text, leaves = ledger
    kept = signed(leaves[:30], witnessed=True)
    rewritten = renumbered([*leaves[:7], *leaves[8:], leaves[7]])
    forged = file_of(rewritten, signed(rewritten))

    with pytest.raises(VerificationError, match="rewritten"):
        verify_export(forged, **KEYS | {"witnesses": WITNESSED["witnesses"]}, known=kept)


def test_a_truncation_is_judged_against_the_last_witnessed_checkpoint(ledger):
    _text, leaves = ledger
    kept, cut = signed(leaves, witnessed=True), leaves[:-5]

    assert verify_export(file_of(leaves, kept), **WITNESSED, known=kept).witnesses == 1
    with pytest.raises(VerificationError, match="cut off"):
        verify_export(file_of(cut, signed(cut, witnessed=True)), **WITNESSED, known=kept)


def test_keys_from_the_file_are_never_used(ledger):
    _text, leaves = ledger
    stranger = Ed25519PrivateKey.from_private_bytes(b"s" * 32)
    text = parse_note(signed(leaves)).text
    note = format_note(Note(text=text, signatures=(sign_note(text, ORIGIN, stranger),)))

    with pytest.raises(VerificationError, match="log key"):
        verify_export(file_of(leaves, note), **KEYS)


def test_a_proof_file_proves_its_entry_and_no_changed_byte_of_it_passes(ledger, store):
    _text, leaves = ledger
    note = signed(leaves)
    with store.reading() as session:
        file = proof_text(index=11, leaf=leaves[11], proof=proofs.prove(session, 11, SIZE), note=note)

    proven = verify_proof(file, **KEYS)

    assert (proven.index, proven.leaf) == (11, leaves[11])
    assert proven.checkpoint == parse_checkpoint(parse_note(note).text)
    raw = file.encode()
    for place in range(len(raw)):
        changed = bytearray(raw)
        changed[place] ^= 1
        try:
            text = changed.decode()
        except UnicodeDecodeError:
            continue
        with pytest.raises(VerificationError):
            verify_proof(text, **KEYS)
