"""The ledger, its tree, and its signed checkpoints."""

from datetime import datetime

from sqlalchemy import BigInteger, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from gatekeeper.store.columns import ExactBytes, UtcDateTime
from gatekeeper.store.tables.root import NAME, PSEUDONYM, Table


class LedgerHeadRow(Table):
    """The ledger's only row that changes: locking it puts writers in line."""

    __tablename__ = "ledger_head"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """Always 1."""
    size: Mapped[int] = mapped_column(BigInteger)
    """How many entries there are, and so the next entry's number."""


class EntryRow(Table):
    """One leaf of the ledger. Written once, never changed."""

    __tablename__ = "ledger_entries"

    seq: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    """From 0, without gaps: the leaf's index in the Merkle tree."""
    ts: Mapped[datetime] = mapped_column(UtcDateTime)
    type: Mapped[str] = mapped_column(String(64), index=True)
    actor: Mapped[str] = mapped_column(PSEUDONYM)
    subject: Mapped[str] = mapped_column(NAME, index=True)
    leaf: Mapped[bytes] = mapped_column(ExactBytes)
    """RFC 8785 JSON, exactly the bytes that were hashed; the other columns only index it."""
    leaf_hash: Mapped[bytes] = mapped_column(ExactBytes)
    """SHA-256 of 0x00 and the leaf, 32 bytes."""


class LedgerNodeRow(Table):
    """The root of a perfect subtree of the Merkle tree, kept so that proofs need not read every leaf."""

    __tablename__ = "ledger_nodes"

    level: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    """8 or 16: the subtree has two to that power leaves."""
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    """From 0, left to right within its level."""
    hash: Mapped[bytes] = mapped_column(ExactBytes)
    """32 bytes."""


class CheckpointRow(Table):
    """A signed statement of how large the ledger was and what its root was."""

    __tablename__ = "checkpoints"

    size: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    root: Mapped[bytes] = mapped_column(ExactBytes)
    """32 bytes."""
    note: Mapped[str] = mapped_column(Text)
    """C2SP signed note: the log's signature and the witnesses' cosignatures."""
    cosignatures: Mapped[int]
    """How many witnesses signed."""
    signed: Mapped[datetime] = mapped_column(UtcDateTime)
