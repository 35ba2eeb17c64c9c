"""What people do on the way to a decision: accept a finding, leave files, and are reminded."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Text
from sqlalchemy.orm import Mapped, mapped_column

from gatekeeper.store.columns import UtcDateTime, word
from gatekeeper.store.tables.root import DIGEST, ID, NAME, PSEUDONYM, Table
from gatekeeper.store.tables.words import ReminderKind, UploadFormat, UploadKind


class WaiverRow(Table):
    """One person's acceptance of one finding of one run, until a date. Written once, never changed."""

    __tablename__ = "waivers"

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    update_id: Mapped[str] = mapped_column(ForeignKey("updates.id"), index=True)
    run_id: Mapped[str] = mapped_column(ForeignKey("runs.id"))
    """The run whose verdict the person looked at."""
    gate: Mapped[str] = mapped_column(NAME)
    code: Mapped[str] = mapped_column(NAME)
    """Of the reason that is accepted, ``<gate>/<limit>``."""
    finding: Mapped[str] = mapped_column(DIGEST)
    """Identity of what was found: limit, report, update and policy."""
    approver: Mapped[str] = mapped_column(PSEUDONYM)
    justification_digest: Mapped[str] = mapped_column(DIGEST)
    """Salted digest."""
    envelope: Mapped[str] = mapped_column(Text)
    """DSSE envelope over the decision, signed with the person's own key."""
    given: Mapped[datetime] = mapped_column(UtcDateTime)
    expires: Mapped[datetime] = mapped_column(UtcDateTime)


class UploadRow(Table):
    """What somebody left below the incoming folder, by its digest; several people may leave the same."""

    __tablename__ = "uploads"

    holder: Mapped[str] = mapped_column(PSEUDONYM, primary_key=True)
    digest: Mapped[str] = mapped_column(DIGEST, primary_key=True, index=True)
    """SHA-256 of the bytes as they were sent."""
    kind: Mapped[UploadKind] = mapped_column(word(UploadKind))
    format: Mapped[UploadFormat] = mapped_column(word(UploadFormat))
    size: Mapped[int] = mapped_column(BigInteger)
    """In bytes, as it was sent."""
    unpacked: Mapped[int] = mapped_column(BigInteger)
    """In bytes, as it lies there."""
    files: Mapped[int]
    uploaded: Mapped[datetime] = mapped_column(UtcDateTime)
    expires: Mapped[datetime] = mapped_column(UtcDateTime, index=True)


class ReminderRow(Table):
    """When people were last reminded of one thing, by whichever process did."""

    __tablename__ = "reminders"

    subject: Mapped[str] = mapped_column(ID, primary_key=True)
    """Id of the update or the request."""
    kind: Mapped[ReminderKind] = mapped_column(word(ReminderKind), primary_key=True)
    number: Mapped[int]
    """How often they were, from 1."""
    sent: Mapped[datetime] = mapped_column(UtcDateTime)
