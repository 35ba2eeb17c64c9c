"""A log whose leaves are at hand, to be sent to a witness; and the names and keys of both."""

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audits.ledger.checkpoint import Checkpoint, checkpoint_text
from audits.ledger.merkle import consistency_proof, leaf_hash, root
from audits.ledger.note import COSIGNATURE, Note, format_note, sign_note, verifier_key
from audits.witness.wire import Submission, format_submission

ORIGIN = "log.example/1"
NAME = "witness.example/w1"
LOG_KEY = Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)
WITNESS_KEY = Ed25519PrivateKey.from_private_bytes(b"\x02" * 32)
LOG_VKEY = str(verifier_key(ORIGIN, LOG_KEY))
WITNESS_VKEY = str(verifier_key(NAME, WITNESS_KEY, kind=COSIGNATURE))


class Log:
    """Leaves, and the key that signs them."""

    def __init__(self, leaves, *, origin=ORIGIN, key=LOG_KEY):
        self.hashes = [leaf_hash(leaf.encode()) for leaf in leaves]
        self.origin = origin
        self.key = key

    def note(self, size):
        text = checkpoint_text(Checkpoint(origin=self.origin, size=size, root=root(self.hashes[:size])))
        return format_note(Note(text=text, signatures=(sign_note(text, self.origin, self.key),)))

    def consistency(self, old, new):
        return consistency_proof(old, new, lambda start, end: root(self.hashes[start:end]))

    def submission(self, old, new, *, proof=None):
        if proof is None:
            proof = self.consistency(old, new) if old else ()
        return format_submission(Submission(old_size=old, proof=tuple(proof), note=self.note(new)))
