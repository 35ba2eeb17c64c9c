"""Outgoing webhooks: where events are sent, and how far each delivery is. The events themselves are the ledger's."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from gatekeeper.core.digests import Plain
from gatekeeper.store.columns import CanonicalJson, UtcDateTime, word
from gatekeeper.store.tables.root import ID, PSEUDONYM, Table


class EndpointState(StrEnum):
    """Whether an endpoint is sent to."""

    ACTIVE = "ACTIVE"
    DISABLED = "DISABLED"
    """It failed for too long, said that it is gone, or was switched off: events wait for it."""
    REMOVED = "REMOVED"


class DeliveryState(StrEnum):
    """How far a delivery is."""

    PENDING = "PENDING"
    DELIVERED = "DELIVERED"
    DEAD = "DEAD"
    """Given up after the last attempt; it can be sent again by hand."""


class EndpointRow(Table):
    """Somebody else's address that events are sent to. Its secrets are nowhere: they are derived from a key file."""

    __tablename__ = "webhook_endpoints"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    url: Mapped[str] = mapped_column(Text)
    events: Mapped[Plain] = mapped_column(CanonicalJson, nullable=False)
    """List of the types that it is sent."""
    state: Mapped[EndpointState] = mapped_column(word(EndpointState))
    generation: Mapped[int]
    """Number of its present secret, from 1."""
    oldest: Mapped[int]
    """Number of the oldest secret that deliveries are still signed with until ``overlap_until``."""
    overlap_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    after: Mapped[int]
    """Entries of the ledger before this number have been looked at for it."""
    failing_since: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """When it first failed since it last took something."""
    made_by: Mapped[str] = mapped_column(PSEUDONYM)
    created: Mapped[datetime] = mapped_column(UtcDateTime)
    changed: Mapped[datetime] = mapped_column(UtcDateTime)


class DeliveryRow(Table):
    """One event for one endpoint."""

    __tablename__ = "webhook_deliveries"
    __table_args__ = (
        UniqueConstraint("endpoint_id", "seq", "event"),
        Index("ix_webhook_deliveries_due", "state", "due"),
    )

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    endpoint_id: Mapped[str] = mapped_column(ForeignKey("webhook_endpoints.id"))
    seq: Mapped[int | None]
    """Number of the ledger's entry; ``None`` for what no entry tells."""
    body: Mapped[bytes | None]
    """What is sent, where no entry tells it; ``None`` for everything else and for a test."""
    message: Mapped[str] = mapped_column(ID)
    """``webhook-id``: the same for every attempt, and for every endpoint."""
    event: Mapped[str] = mapped_column(ID)
    state: Mapped[DeliveryState] = mapped_column(word(DeliveryState))
    attempts: Mapped[int]
    """Since it was made, or sent again by hand."""
    due: Mapped[datetime] = mapped_column(UtcDateTime)
    lease: Mapped[str | None] = mapped_column(ID)
    """Whoever sends it now; a result is taken from nobody else."""
    leased_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_attempt: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_status: Mapped[int | None]
    """HTTP status of the last answer; ``None`` where none came."""
    last_error: Mapped[str | None] = mapped_column(String(64))
    """One word for what went wrong in the last attempt."""
    created: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
