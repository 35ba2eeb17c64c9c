"""Parts of a long gate that are done, for as long as the gate is not."""

from datetime import datetime

from sqlalchemy import ForeignKey
from sqlalchemy.orm import Mapped, mapped_column

from gatekeeper.store.columns import UtcDateTime
from gatekeeper.store.tables.root import DIGEST, ID, NAME, Table


class ShardRow(Table):
    """One part. Its body is a file beside the run's evidence, believed only while it has this digest."""

    __tablename__ = "queue_shards"

    run_id: Mapped[str] = mapped_column(ForeignKey("queue.run_id"), primary_key=True)
    gate: Mapped[str] = mapped_column(NAME, primary_key=True)
    name: Mapped[str] = mapped_column(ID, primary_key=True)
    """64 hexadecimal digits."""
    digest: Mapped[str] = mapped_column(DIGEST)
    attempt: Mapped[int]
    """In which attempt it was computed."""
    at: Mapped[datetime] = mapped_column(UtcDateTime)
