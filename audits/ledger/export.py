"""The whole ledger as one text file, and its check by somebody who has nothing but that file and a trust file.

::

    gatekeeper ledger export v1
    3                             entries
                                  empty line
    gatekeeper.local/…            signed note: the checkpoint of exactly these entries
    …
                                  empty line
    eyJhY3Rvci…                   one entry per line, base64

The file has one spelling: a check writes it anew from what it read and compares, so that every byte of it matters.
Keys come from the trust file, never from the export. Whether entries are missing at the end, nothing inside a file can
say: the witnesses can, whose cosignatures the checkpoint must carry where the trust file asks for them, and a
checkpoint that was kept elsewhere can.
"""

import base64
import binascii
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy.orm import Session

from audits.ledger.checkpoint import Checkpoint, verified_checkpoint
from audits.ledger.leaf import VERSION
from audits.ledger.merkle import leaf_hash, root
from audits.ledger.rotation import require_not_retired, rotations
from gatekeeper.core.digests import canonical
from gatekeeper.core.errors import StoreError, VerificationError
from gatekeeper.store import entries

HEADER: Final = "gatekeeper ledger export v1"
_KEYS: Final = {"v", "seq", "ts", "type", "actor", "subject", "data"}


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportCheck:
    """What an export holds, once checked."""

    checkpoint: Checkpoint
    witnesses: int
    """How many of the trusted witnesses cosigned it."""


def export_text(session: Session, *, size: int, note: str) -> str:
    """Return the export of the first ``size`` entries under the checkpoint of that size.

    Raises:
        StoreError: an entry is missing.
    """
    leaves = entries.leaves(session, size)
    if len(leaves) != size:
        raise StoreError(
            f"The ledger has {len(leaves)} of its first {size} entries.", hint="gatekeeper ledger verify says which."
        )
    return _written(note, leaves)


def verify_export(
    text: str,
    *,
    origin: str,
    log_keys: Iterable[str],
    witnesses: Iterable[str],
    quorum: int,
    known: str | None = None,
) -> ExportCheck:
    """Check an export offline.

    1. It is written as exports are.
    2. Its checkpoint is signed by a trusted log key and cosigned by enough trusted witnesses.
    3. Its entries give exactly the checkpoint's size and root, are ledger entries, and are numbered in turn.
    4. A checkpoint that was kept elsewhere is not newer, and is the root over that many of the entries.

    Args:
        text: the file.
        origin: name the log must have.
        log_keys: trusted verifier keys of the log.
        witnesses: trusted verifier keys of the witnesses.
        quorum: how many of them must have cosigned.
        known: a signed note that was kept elsewhere; its cosignatures must be enough too.

    Raises:
        VerificationError: one of these does not hold.
    """
    log_keys, witnesses = tuple(log_keys), tuple(witnesses)
    note, leaves = _read(text)
    checkpoint, signed = verified_checkpoint(
        note, origin=origin, log_keys=log_keys, witnesses=witnesses, quorum=quorum
    )
    hashes = [leaf_hash(leaf) for leaf in leaves]
    if checkpoint.size != len(hashes) or checkpoint.root != root(hashes):
        raise VerificationError(
            f"The export's {len(hashes)} entries are not the {checkpoint.size} that were signed.",
            hint="It was changed, or entries are missing.",
        )
    for number, leaf in enumerate(leaves):
        _require_leaf(leaf, number)
    handed_over = rotations(leaves)
    require_not_retired(note, log_keys=log_keys, handed_over=handed_over)
    if known is not None:
        kept, _ = verified_checkpoint(known, origin=origin, log_keys=log_keys, witnesses=witnesses, quorum=quorum)
        if kept.size > len(hashes):
            raise VerificationError(
                f"The export ends after {len(hashes)} entries; a checkpoint of {kept.size} is known.",
                hint="Entries were cut off its end.",
            )
        if kept.root != root(hashes[: kept.size]):
            raise VerificationError(
                f"The first {kept.size} entries are not the ones of the checkpoint that was kept.",
                hint="History was rewritten.",
            )
        require_not_retired(known, log_keys=log_keys, handed_over=handed_over)
    return ExportCheck(checkpoint=checkpoint, witnesses=signed)


def _written(note: str, leaves: Sequence[bytes]) -> str:
    lines = "".join(base64.standard_b64encode(leaf).decode() + "\n" for leaf in leaves)
    return f"{HEADER}\n{len(leaves)}\n\n{note}\n{lines}"


def _read(text: str) -> tuple[str, list[bytes]]:
    wrong = VerificationError("This is no ledger export.", hint="It was changed, or is of another version.")
    header, _, rest = text.partition("\n")
    count, _, rest = rest.partition("\n\n")
    if header != HEADER or not count.isascii() or not count.isdigit() or len(count) > 18:
        raise wrong
    # A note is its text, an empty line and its signatures; the entries follow after another empty line.
    body, _, tail = rest.partition("\n\n")
    signatures, _, lines = tail.partition("\n\n")
    note = f"{body}\n\n{signatures}\n"
    try:
        leaves = [base64.b64decode(line, validate=True) for line in lines.splitlines()]
    except (binascii.Error, ValueError) as error:
        raise wrong from error
    if len(leaves) != int(count) or _written(note, leaves) != text:
        raise wrong
    return note, leaves


def _require_leaf(leaf: bytes, number: int) -> None:
    """Return when these bytes are the ledger's entry of that number."""
    try:
        read = json.loads(leaf)
        holds = (
            isinstance(read, dict)
            and set(read) == _KEYS
            and (read["v"], read["seq"]) == (VERSION, number)
            and canonical(read) == leaf
        )
    except (ValueError, RecursionError):
        holds = False
    if not holds:
        raise VerificationError(f"Entry {number} of the export is no ledger entry of that number.")
