"""What is kept of training rows: counts of accepted ones, and which quarantined ones people released."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from gatekeeper.core.digests import Plain
from gatekeeper.store.columns import CanonicalJson, ExactBytes, UtcDateTime
from gatekeeper.store.tables.root import DIGEST, ID, NAME, PSEUDONYM, Table


class RowCountsRow(Table):
    """Counts over the rows an update was learned from, waiting to count as history or counting."""

    __tablename__ = "row_counts"
    __table_args__ = (Index(None, "model", "counts_from"),)

    update_id: Mapped[str] = mapped_column(ForeignKey("updates.id"), primary_key=True)
    model: Mapped[str] = mapped_column(ForeignKey("models.name"))
    data_digest: Mapped[str] = mapped_column(DIGEST)
    """Of the file of rows."""
    rows: Mapped[int] = mapped_column(BigInteger)
    counts: Mapped[bytes] = mapped_column(ExactBytes)
    """The sketch, compressed with zlib."""
    digest: Mapped[str] = mapped_column(DIGEST)
    """Of rows and sketch: what the ledger holds."""
    quarantine_days: Mapped[float]
    """How long the update must be live first, as the policy of its run says."""
    made: Mapped[datetime] = mapped_column(UtcDateTime)
    counts_from: Mapped[datetime | None] = mapped_column(UtcDateTime)
    """From when on the rows are history; ``None`` before the update is live."""


class ReleaseRow(Table):
    """One quarantined row that a person released from one gate. Bound to the row's content, whatever file it is in."""

    __tablename__ = "releases"
    __table_args__ = (Index(None, "row_digest", "gate"),)

    id: Mapped[str] = mapped_column(ID, primary_key=True)
    row_digest: Mapped[str] = mapped_column(DIGEST)
    """Of the record's content."""
    gate: Mapped[str] = mapped_column(NAME)
    method: Mapped[str] = mapped_column(DIGEST)
    """Of the gate's version and parameters: a gate that measures in another way flags anew."""
    tests: Mapped[Plain] = mapped_column(CanonicalJson, nullable=False)
    """Tests of the gate that had flagged the row."""
    file_digest: Mapped[str] = mapped_column(DIGEST)
    """Of the file in which it was flagged."""
    reviewer: Mapped[str] = mapped_column(PSEUDONYM)
    reason_digest: Mapped[str] = mapped_column(DIGEST)
    """Salted digest of why."""
    envelope: Mapped[str] = mapped_column(Text)
    """DSSE envelope over the release, signed with the reviewer's own key."""
    given: Mapped[datetime] = mapped_column(UtcDateTime)
