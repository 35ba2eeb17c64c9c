"""Requests, moves of aliases, revocations, and what moved behind the gate's back."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from gatekeeper.store.columns import UtcDateTime, word
from gatekeeper.store.tables.root import DIGEST, ID, NAME, PSEUDONYM, Table
from gatekeeper.store.tables.words import Decision, DriftKind, PromotionKind, PromotionState, RequestState

_STILL_PROMOTING = text("state = 'PROMOTING'")


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
    state: Mapped[RequestState] = mapped_column(word(RequestState), index=True)
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
        Index("ix_promotions_last", "registry_id", "model", "alias", "state", "intent_seq"),
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
    state: Mapped[PromotionState] = mapped_column(word(PromotionState), index=True)
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
    """``restored`` by us, ``gone`` by itself, or ``unwatched``: the version no longer matters."""
