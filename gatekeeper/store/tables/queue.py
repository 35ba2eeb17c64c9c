"""Evaluations that wait for a worker, and which worker has each."""

from datetime import datetime

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from gatekeeper.core.digests import Plain
from gatekeeper.store.columns import CanonicalJson, UtcDateTime, word
from gatekeeper.store.tables.root import DIGEST, ID, NAME, Table
from gatekeeper.store.tables.words import QueueState

_STILL_GOING = text("state IN ('QUEUED', 'RUNNING')")


class QueueRow(Table):
    """One evaluation to be made. The run itself is written down when it begins."""

    __tablename__ = "queue"
    __table_args__ = (
        Index("ix_queue_model", "model", "state"),
        # One evaluation of an update at a time.
        Index("uq_queue_going", "update_id", unique=True, sqlite_where=_STILL_GOING, postgresql_where=_STILL_GOING),
    )

    run_id: Mapped[str] = mapped_column(ID, primary_key=True)
    update_id: Mapped[str] = mapped_column(ForeignKey("updates.id"))
    model: Mapped[str] = mapped_column(NAME)
    policy: Mapped[Plain] = mapped_column(CanonicalJson, nullable=False)
    """Normal form of the policy that decides."""
    policy_digest: Mapped[str] = mapped_column(DIGEST)
    state: Mapped[QueueState] = mapped_column(word(QueueState))
    number: Mapped[int] = mapped_column(unique=True)
    """From 1, in the order in which evaluations were asked for."""
    turn: Mapped[int]
    """Raised over every other row's whenever a worker takes the run; 0 before."""
    attempt: Mapped[int]
    """How often a worker has taken it. Only the present attempt may write."""
    worker: Mapped[str | None] = mapped_column(NAME)
    device: Mapped[str | None] = mapped_column(NAME)
    """What the worker computes on."""
    beats: Mapped[int]
    """Raised by the worker that has it, for as long as that lives."""
    cancelled: Mapped[bool]
    """Whether somebody asked for its end."""
    error: Mapped[str | None] = mapped_column(Text)
    """Why it ended without a verdict."""
    enqueued: Mapped[datetime] = mapped_column(UtcDateTime)
    ended: Mapped[datetime | None] = mapped_column(UtcDateTime)


class QueueEventRow(Table):
    """What happened to an evaluation, for those who watch it; the ledger holds what has to be proved."""

    __tablename__ = "queue_events"

    run_id: Mapped[str] = mapped_column(ForeignKey("queue.run_id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True)
    """From 1."""
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    kind: Mapped[str] = mapped_column(String(32))
    attempt: Mapped[int]
    gate: Mapped[str | None] = mapped_column(NAME)
    detail: Mapped[str | None] = mapped_column(NAME)
