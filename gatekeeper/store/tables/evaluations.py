"""Updates, and what was measured and decided about them."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from gatekeeper.core.digests import Plain
from gatekeeper.core.states import State
from gatekeeper.core.update import UpdateKind
from gatekeeper.store.columns import CanonicalJson, UtcDateTime, word
from gatekeeper.store.tables.root import DIGEST, ID, NAME, PSEUDONYM, Table
from gatekeeper.store.tables.words import Decision


class ModelRow(Table):
    """A registered model under the gate."""

    __tablename__ = "models"

    name: Mapped[str] = mapped_column(NAME, primary_key=True)
    protected_aliases: Mapped[Plain] = mapped_column(CanonicalJson, nullable=False)
    """List of aliases that only a promotion may move."""


class UpdateRow(Table):
    """A proposed change and where it stands."""

    __tablename__ = "updates"
    __table_args__ = (
        Index(None, "model", "state", "created"),
        Index(None, "model", "created"),
        Index(None, "state", "created"),
        Index("ix_updates_answers", "answers"),
    )

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
    registered_version: Mapped[str | None] = mapped_column(NAME, index=True)
    """Version the registry keeps its bytes as; ``None`` while it may not be promoted."""
    answers: Mapped[str | None] = mapped_column(ID)
    """The update that was sent back and that this one takes the place of.

    No foreign key: SQLite cannot add one to a table that others refer to.
    """
    state: Mapped[State] = mapped_column(word(State))
    revision: Mapped[int]
    """Raised by every move: whoever holds an older one holds a stale view."""
    created: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
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
    envelope: Mapped[str | None] = mapped_column(Text)
    """DSSE envelope over the decision, signed with the approver's own key; ``None`` in rows older than signatures."""
    given: Mapped[datetime] = mapped_column(UtcDateTime)
    expires: Mapped[datetime] = mapped_column(UtcDateTime)


class SuiteUseRow(Table):
    """An update that was evaluated on one version of an evaluation set. Written once, before the evaluation."""

    __tablename__ = "suite_uses"
    __table_args__ = (UniqueConstraint("suite_digest", "number"),)

    suite_digest: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    update_digest: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    number: Mapped[int]
    """From 1, in the order in which distinct updates came."""
    first: Mapped[datetime] = mapped_column(UtcDateTime)
