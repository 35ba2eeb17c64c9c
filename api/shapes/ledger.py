"""The ledger and its proofs, as the service sends them."""

from api.shapes.base import Out


class EntryOut(Out):
    """One entry of the ledger."""

    seq: int
    leaf: str
    """RFC 8785 JSON, exactly as it was hashed."""
    leaf_hash: str
    """SHA-256 of 0x00 and the leaf, 64 hexadecimal digits."""


class EntriesOut(Out):
    """A page of the ledger."""

    items: list[EntryOut]
    next: int | None
    """``first`` of the next page; ``None`` on the last one."""


class CheckpointOut(Out):
    """A signed statement of how long the ledger is and what its root is."""

    size: int
    note: str
    """C2SP ``tlog-checkpoint``."""


class ProofOut(Out):
    """Proof that an entry is in the ledger."""

    seq: int
    size: int
    proof: str
    """C2SP ``tlog-proof`` with its checkpoint, as ``gatekeeper ledger prove`` writes it."""


class ConsistencyOut(Out):
    """Proof that a longer ledger begins with a shorter one."""

    old: int
    new: int
    old_root: str
    """64 hexadecimal digits, as are the next ones."""
    new_root: str
    proof: list[str]
