"""Versions that somebody put into the registry, and what became of them here."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from gatekeeper.store.columns import UtcDateTime, word
from gatekeeper.store.tables.root import ID, NAME, Table


class IntakeState(StrEnum):
    """What became of a registered version."""

    TAKING = "TAKING"
    """Somebody fetches it now."""
    WAITING = "WAITING"
    """It is looked at again: its tags may still come, or the registry did not answer."""
    PROPOSED = "PROPOSED"
    """It is an update."""
    REFUSED = "REFUSED"
    """It cannot be an update as it is; the reason stands beside."""
    OURS = "OURS"
    """The gate itself put it there, from an update that it knows."""
    PRIOR = "PRIOR"
    """It was there before the gate began to look."""


class IntakeRow(Table):
    """One registered version. A model that was deleted and made again has other moments of creation."""

    __tablename__ = "intakes"

    registry_id: Mapped[str] = mapped_column(NAME, primary_key=True)
    model: Mapped[str] = mapped_column(NAME, primary_key=True)
    version: Mapped[str] = mapped_column(String(32), primary_key=True)
    created_ms: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    """When the registry says that it was made, in milliseconds since 1970."""
    state: Mapped[IntakeState] = mapped_column(word(IntakeState))
    claim: Mapped[str | None] = mapped_column(ID)
    """Whoever takes it now; an update is taken from nobody else."""
    due: Mapped[datetime] = mapped_column(UtcDateTime)
    """From when on it may be taken, or taken over."""
    attempts: Mapped[int]
    update_id: Mapped[str | None] = mapped_column(ForeignKey("updates.id"))
    code: Mapped[str | None] = mapped_column(String(64))
    """One word for why it waits, or was refused."""
    reason: Mapped[str | None] = mapped_column(Text)
    first_seen: Mapped[datetime] = mapped_column(UtcDateTime)
    changed: Mapped[datetime] = mapped_column(UtcDateTime)


class IntakeModelRow(Table):
    """A model whose versions are looked at, since when; the one without a name is the registry as a whole."""

    __tablename__ = "intake_models"

    registry_id: Mapped[str] = mapped_column(NAME, primary_key=True)
    model: Mapped[str] = mapped_column(NAME, primary_key=True)
    since: Mapped[datetime] = mapped_column(UtcDateTime)


class ReceivedRow(Table):
    """A delivery of the registry's webhook that was taken: the same one does nothing a second time."""

    __tablename__ = "received_webhooks"

    id: Mapped[str] = mapped_column(String(128), primary_key=True)
    """The sender's id of the delivery."""
    at: Mapped[datetime] = mapped_column(UtcDateTime, index=True)
