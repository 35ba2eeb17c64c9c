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


class PromotionKind(StrEnum):
    """Why an alias is moved."""

    PROMOTE = "promote"
    """An admitted and approved update becomes champion."""
    CERTIFY = "certify"
    """A first champion or a first anchor is set under absolute limits."""
    ROLLBACK = "rollback"
    """The champion goes back to the version admitted before it."""
    ANCHOR = "anchor"
    """The anchor moves to an admitted version."""
    BREAK_GLASS = "break-glass"
    """Two administrators put a blocked update live for a limited time."""
    REVIEW = "review"
    """A break-glass promotion was reviewed and stays."""


class RequestState(StrEnum):
    """Where a request for something other than an ordinary promotion stands."""

    OPEN = "OPEN"
    APPROVED = "APPROVED"
    REFUSED = "REFUSED"
    DONE = "DONE"
    """What was asked for has happened."""
    EXPIRED = "EXPIRED"


class DriftKind(StrEnum):
    """How registry, database and files can come apart."""

    ALIAS_MOVED = "alias-moved"
    ALIAS_MISSING = "alias-missing"
    VERSION_DELETED = "version-deleted"
    FILES_CHANGED = "files-changed"
    """Size, time or name of a stored file."""
    BYTES_CHANGED = "bytes-changed"
    """The stored bytes themselves, hashed again."""


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
    """HMAC of the name under ``key``: what leaves hold."""
    lookup: Mapped[str] = mapped_column(PSEUDONYM, unique=True)
    """HMAC of the name under the installation's key: how a name finds its row."""
    key: Mapped[bytes | None] = mapped_column(ExactBytes)
    """This person's own, 32 random bytes, gone with the row; ``None`` when the pseudonym is the lookup itself."""
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
    envelope: Mapped[str | None] = mapped_column(Text)
    """DSSE envelope over the decision, signed with the approver's own key; ``None`` in rows older than signatures."""
    given: Mapped[datetime] = mapped_column(UtcDateTime)
    expires: Mapped[datetime] = mapped_column(UtcDateTime)


class RequestRow(Table):
    """A request that people decide about beside ordinary promotions: a rollback, a break of the glass."""

    __tablename__ = "requests"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    action: Mapped[str] = mapped_column(String(32))
    """A :class:`PromotionKind`, or ``revoke``."""
    update_id: Mapped[str] = mapped_column(ForeignKey("updates.id"), index=True)
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id"))
    model: Mapped[str] = mapped_column(ForeignKey("models.name"))
    alias: Mapped[str] = mapped_column(NAME)
    expected_previous: Mapped[str | None] = mapped_column(NAME)
    """Version the alias pointed to when it was asked for."""
    opened_by: Mapped[str] = mapped_column(PSEUDONYM)
    incident: Mapped[str | None] = mapped_column(NAME)
    """Id of the incident in the operator's own system."""
    justification_digest: Mapped[str | None] = mapped_column(DIGEST)
    required: Mapped[int]
    """How many distinct people must agree."""
    state: Mapped[RequestState] = mapped_column(word(RequestState))
    opened: Mapped[datetime] = mapped_column(UtcDateTime)
    expires: Mapped[datetime] = mapped_column(UtcDateTime)
    """Until when people may decide."""
    valid_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """Until when what was asked for may stay live unreviewed; ``None`` without a limit."""
    return_of: Mapped[str | None] = mapped_column(ID)
    """The break of the glass that this way back was agreed to with, in advance; ``None`` for any other request.

    No foreign key: SQLite cannot add one to a table that others refer to.
    """


class RequestDecisionRow(Table):
    """One person's signed decision about a request. A person decides once."""

    __tablename__ = "request_decisions"
    __table_args__ = (UniqueConstraint("request_id", "approver"),)

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    request_id: Mapped[str] = mapped_column(ForeignKey("requests.id"))
    decision: Mapped[Decision] = mapped_column(word(Decision))
    approver: Mapped[str] = mapped_column(PSEUDONYM)
    comment_digest: Mapped[str | None] = mapped_column(DIGEST)
    envelope: Mapped[str] = mapped_column(Text)
    """DSSE envelope over the decision, signed with the approver's own key."""
    given: Mapped[datetime] = mapped_column(UtcDateTime)


class TextRow(Table):
    """What a person wrote. Erasable: the salt goes with it, so that the digest left behind says nothing."""

    __tablename__ = "texts"

    digest: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    """SHA-256 of salt and text."""
    subject: Mapped[str] = mapped_column(NAME, index=True)
    """Id of the update it was written about."""
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
    kind: Mapped[PromotionKind] = mapped_column(word(PromotionKind))
    request_id: Mapped[str | None] = mapped_column(ForeignKey("requests.id"))
    """The request that authorised it; ``None`` where the run's own approvals did."""
    nonce: Mapped[str] = mapped_column(ID)
    """32 hexadecimal digits, unlike any other promotion's."""
    intent_seq: Mapped[int | None] = mapped_column(BigInteger)
    """Number of the intent's ledger entry; ``None`` in rows older than passports."""
    passport: Mapped[str | None] = mapped_column(Text)
    """The passport as it was issued; ``None`` until then."""
    state: Mapped[PromotionState] = mapped_column(word(PromotionState))
    started: Mapped[datetime] = mapped_column(UtcDateTime)
    finished: Mapped[datetime | None] = mapped_column(UtcDateTime)


class RevocationRow(Table):
    """Bytes that no passport covers any more."""

    __tablename__ = "revocations"

    update_digest: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    update_id: Mapped[str] = mapped_column(ForeignKey("updates.id"))
    code: Mapped[str] = mapped_column(String(64))
    """Why, as a word: ``decided`` or ``break-glass-expired``."""
    seq: Mapped[int] = mapped_column(BigInteger)
    """Number of its ledger entry."""
    revoked: Mapped[datetime] = mapped_column(UtcDateTime)


class WatchRow(Table):
    """When a version's stored files were last looked at, and what they looked like."""

    __tablename__ = "watches"

    registry_id: Mapped[str] = mapped_column(NAME, primary_key=True)
    model: Mapped[str] = mapped_column(ForeignKey("models.name"), primary_key=True)
    version: Mapped[str] = mapped_column(NAME, primary_key=True)
    fingerprint: Mapped[str | None] = mapped_column(DIGEST)
    """Digest over names, sizes and times of the files; ``None`` where the storage tells none."""
    hashed: Mapped[datetime] = mapped_column(UtcDateTime)
    """When the bytes themselves were last hashed."""


class DriftRow(Table):
    """Something that moved behind the gate's back, from when it was found until it was gone."""

    __tablename__ = "drifts"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    kind: Mapped[DriftKind] = mapped_column(word(DriftKind))
    registry_id: Mapped[str] = mapped_column(NAME)
    model: Mapped[str] = mapped_column(ForeignKey("models.name"))
    alias: Mapped[str | None] = mapped_column(NAME)
    version: Mapped[str | None] = mapped_column(NAME)
    """The version it is about."""
    observed: Mapped[str | None] = mapped_column(NAME)
    """What was found instead, as far as one word says it."""
    found: Mapped[datetime] = mapped_column(UtcDateTime)
    cleared: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """``None`` while it lasts."""
    cleared_by: Mapped[str | None] = mapped_column(String(32))
    """``restored`` by us, or ``gone`` by itself."""


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
