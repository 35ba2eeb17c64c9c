"""Every table, typed. Rows say what happened; the ledger proves it.

Relationships load only where a query asks for them (``lazy="raise"``). Names of people and what they wrote lie in
``people`` and ``comments`` alone, which can be emptied without touching anything else. Portable types only: what one
database needs and another does not is in :mod:`gatekeeper.store.sqlite`.
"""

from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import BigInteger, ForeignKey, Index, MetaData, String, Text, UniqueConstraint, text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from gatekeeper.core.digests import Plain
from gatekeeper.core.states import State
from gatekeeper.core.update import UpdateKind
from gatekeeper.store.columns import CanonicalJson, ExactBytes, UtcDateTime, word

ID: Final = String(64)
DIGEST: Final = String(71)
NAME: Final = String(256)
PSEUDONYM: Final = String(80)


class Decision(StrEnum):
    """What a person decided about an update."""

    APPROVE = "approve"
    REJECT = "reject"


class PromotionState(StrEnum):
    """Where one attempt to move an alias stands."""

    PROMOTING = "PROMOTING"
    """Intended; the alias may or may not have moved yet."""
    OBSERVED = "OBSERVED"
    """The alias was read back and points to the version."""
    FAILED = "FAILED"
    """Given up; the alias was read back and does not point to the version."""


class Table(DeclarativeBase):
    """Root of every table; constraints are named, so that a migration can name them too."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class ModelRow(Table):
    """A registered model under the gate."""

    __tablename__ = "models"

    name: Mapped[str] = mapped_column(NAME, primary_key=True)
    protected_aliases: Mapped[Plain] = mapped_column(CanonicalJson, nullable=False)
    """List of aliases that only a promotion may move."""


class PersonRow(Table):
    """Who a pseudonym is. Erasable: deleting a row leaves every other row and the ledger as they are."""

    __tablename__ = "people"

    pseudonym: Mapped[str] = mapped_column(PSEUDONYM, primary_key=True)
    display_name: Mapped[str] = mapped_column(NAME)


class UpdateRow(Table):
    """A proposed change and where it stands."""

    __tablename__ = "updates"
    __table_args__ = (Index(None, "model", "state"),)

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    name: Mapped[str] = mapped_column(NAME)
    model: Mapped[str] = mapped_column(ForeignKey("models.name"))
    kind: Mapped[UpdateKind] = mapped_column(word(UpdateKind))
    manifest_digest: Mapped[str] = mapped_column(DIGEST, index=True)
    """Identity of the update."""
    manifest: Mapped[Plain] = mapped_column(CanonicalJson, nullable=False)
    artifact_path: Mapped[str] = mapped_column(Text)
    base_path: Mapped[str | None] = mapped_column(Text)
    data_path: Mapped[str | None] = mapped_column(Text)
    data_digest: Mapped[str | None] = mapped_column(DIGEST)
    data_size: Mapped[int | None] = mapped_column(BigInteger)
    """In bytes."""
    provenance: Mapped[Plain] = mapped_column(CanonicalJson, nullable=False)
    submitter: Mapped[str] = mapped_column(PSEUDONYM)
    champion_version: Mapped[str | None] = mapped_column(NAME)
    """Version it was compared with; ``None`` before evaluation and for a first champion."""
    champion_digest: Mapped[str | None] = mapped_column(DIGEST)
    registered_version: Mapped[str | None] = mapped_column(NAME)
    """Version the registry keeps its bytes as; ``None`` while it may not be promoted."""
    state: Mapped[State] = mapped_column(word(State))
    revision: Mapped[int]
    """Raised by every move: whoever holds an older one holds a stale view."""
    created: Mapped[datetime] = mapped_column(UtcDateTime)
    updated: Mapped[datetime] = mapped_column(UtcDateTime)

    runs: Mapped[list["RunRow"]] = relationship(lazy="raise", order_by="RunRow.started", viewonly=True)


class RunRow(Table):
    """One evaluation of an update under one policy."""

    __tablename__ = "runs"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    update_id: Mapped[str] = mapped_column(ForeignKey("updates.id"), index=True)
    policy_name: Mapped[str] = mapped_column(NAME)
    policy_digest: Mapped[str] = mapped_column(DIGEST)
    policy: Mapped[Plain] = mapped_column(CanonicalJson, nullable=False)
    """The whole policy, so that a verdict can be replayed."""
    seed: Mapped[int] = mapped_column(BigInteger)
    environment: Mapped[Plain] = mapped_column(CanonicalJson, nullable=False)
    """Library versions, device, threads: what a replay needs."""
    started: Mapped[datetime] = mapped_column(UtcDateTime)
    finished: Mapped[datetime | None] = mapped_column(UtcDateTime)

    reports: Mapped[list["ReportRow"]] = relationship(lazy="raise", order_by="ReportRow.gate", viewonly=True)
    verdict: Mapped["VerdictRow | None"] = relationship(lazy="raise", viewonly=True)


class ReportRow(Table):
    """What one gate measured in one run."""

    __tablename__ = "reports"

    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id"), primary_key=True)
    gate: Mapped[str] = mapped_column(NAME, primary_key=True)
    status: Mapped[str] = mapped_column(String(32))
    report: Mapped[Plain] = mapped_column(CanonicalJson, nullable=False)
    digest: Mapped[str] = mapped_column(DIGEST)
    seconds: Mapped[float]


class VerdictRow(Table):
    """What the policy decided from a run's reports."""

    __tablename__ = "verdicts"

    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id"), primary_key=True)
    outcome: Mapped[str] = mapped_column(String(32))
    """Name of the outcome: ``ADMIT``, ``REVIEW`` or ``BLOCK``."""
    errored: Mapped[bool]
    verdict: Mapped[Plain] = mapped_column(CanonicalJson, nullable=False)
    evidence_digest: Mapped[str] = mapped_column(DIGEST)


class ApprovalRow(Table):
    """One person's decision, bound to exactly what they saw. A person decides once per run."""

    __tablename__ = "approvals"
    __table_args__ = (UniqueConstraint("run_id", "approver"),)

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    update_id: Mapped[str] = mapped_column(ForeignKey("updates.id"), index=True)
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id"))
    decision: Mapped[Decision] = mapped_column(word(Decision))
    approver: Mapped[str] = mapped_column(PSEUDONYM)
    update_digest: Mapped[str] = mapped_column(DIGEST)
    policy_digest: Mapped[str] = mapped_column(DIGEST)
    evidence_digest: Mapped[str] = mapped_column(DIGEST)
    comment_digest: Mapped[str | None] = mapped_column(DIGEST)
    """Salted digest; ``None`` without a comment."""
    given: Mapped[datetime] = mapped_column(UtcDateTime)
    expires: Mapped[datetime] = mapped_column(UtcDateTime)

    comment: Mapped["CommentRow | None"] = relationship(lazy="raise", viewonly=True)


class CommentRow(Table):
    """What an approver wrote. Erasable: the salt goes with it, so that the digest left behind says nothing."""

    __tablename__ = "comments"

    approval_id: Mapped[str] = mapped_column(ForeignKey("approvals.id"), primary_key=True)
    salt: Mapped[bytes] = mapped_column(ExactBytes)
    body: Mapped[str] = mapped_column(Text)


_STILL_PROMOTING = text("state = 'PROMOTING'")


class PromotionRow(Table):
    """One attempt to move one alias; at most one at a time for each (registry, model, alias)."""

    __tablename__ = "promotions"
    __table_args__ = (
        Index(
            "uq_promotions_one_promoting",
            "registry_id",
            "model",
            "alias",
            unique=True,
            sqlite_where=_STILL_PROMOTING,
            postgresql_where=_STILL_PROMOTING,
        ),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    update_id: Mapped[str] = mapped_column(ForeignKey("updates.id"), index=True)
    registry_id: Mapped[str] = mapped_column(NAME)
    """The registry's id, not its address: addresses can hold credentials and people's folders."""
    model: Mapped[str] = mapped_column(ForeignKey("models.name"))
    version: Mapped[str] = mapped_column(NAME)
    alias: Mapped[str] = mapped_column(NAME)
    expected_previous: Mapped[str | None] = mapped_column(NAME)
    """Version the alias must point to before; ``None`` when it must not exist."""
    state: Mapped[PromotionState] = mapped_column(word(PromotionState))
    started: Mapped[datetime] = mapped_column(UtcDateTime)
    finished: Mapped[datetime | None] = mapped_column(UtcDateTime)


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
