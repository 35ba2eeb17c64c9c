"""One ledger entry with its proof under a signed checkpoint, as a file that anybody can check offline.

Source: C2SP ``tlog-proof``. The entry itself travels in the ``extra`` line, so that the file needs nothing beside it;
nothing believes that line before its hash was found in the tree.
"""

import base64
import binascii
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from audits.ledger.checkpoint import Checkpoint, verified_checkpoint
from audits.ledger.merkle import leaf_hash, verify_inclusion
from gatekeeper.core.errors import VerificationError

HEADER: Final = "c2sp.org/tlog-proof@v1"
SUFFIX: Final = ".tlog-proof"


@dataclass(frozen=True, slots=True, kw_only=True)
class Proven:
    """An entry that is in the log."""

    index: int
    leaf: bytes
    checkpoint: Checkpoint
    witnesses: int
    """How many of the trusted witnesses cosigned the checkpoint."""


def proof_text(*, index: int, leaf: bytes, proof: Sequence[bytes], note: str) -> str:
    """Return the file.

    Args:
        index: the entry's number, from 0.
        leaf: the entry.
        proof: hashes from the entry's sibling up to the root's child, 32 bytes each.
        note: the signed checkpoint whose tree the proof leads to.
    """
    hashes = "".join(_encode(each) + "\n" for each in proof)
    return f"{HEADER}\nextra {_encode(leaf)}\nindex {index}\n{hashes}\n{note}"


def verify_proof(text: str, *, origin: str, log_keys: Iterable[str], witnesses: Iterable[str], quorum: int) -> Proven:
    """Return the entry that a file proves.

    Args:
        text: the file.
        origin: name the log must have.
        log_keys: trusted verifier keys of the log.
        witnesses: trusted verifier keys of the witnesses.
        quorum: how many of them must have cosigned.

    Raises:
        VerificationError: it proves nothing.
    """
    head, _, note = text.partition("\n\n")
    first, *rest = head.split("\n")
    try:
        extra, number, *hashes = rest
        leaf = base64.b64decode(extra.removeprefix("extra "), validate=True)
        proof = [base64.b64decode(each, validate=True) for each in hashes]
        index = int(number.removeprefix("index ")) if number.removeprefix("index ").isascii() else -1
        spelled = proof_text(index=index, leaf=leaf, proof=proof, note=note)
    except (ValueError, binascii.Error) as error:
        raise VerificationError("This is no proof of a ledger entry.") from error
    if first != HEADER or spelled != text:
        raise VerificationError("The proof is not written as proofs are.")
    checkpoint, signed = verified_checkpoint(
        note, origin=origin, log_keys=log_keys, witnesses=witnesses, quorum=quorum
    )
    if not verify_inclusion(
        leaf=leaf_hash(leaf), index=index, size=checkpoint.size, proof=proof, root=checkpoint.root
    ):
        raise VerificationError(f"Entry {index} is not in the log that the checkpoint is of.")
    return Proven(index=index, leaf=leaf, checkpoint=checkpoint, witnesses=signed)


def _encode(data: bytes) -> str:
    return base64.standard_b64encode(data).decode()
