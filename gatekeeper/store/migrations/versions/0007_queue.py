"""Evaluations that wait for a worker."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0007"
down_revision: Final = "0006"

_STILL_GOING: Final = sa.text("state IN ('QUEUED', 'RUNNING')")


def upgrade() -> None:
    """Create both tables."""
    op.create_table(
        "queue",
        sa.Column("run_id", sa.String(64), nullable=False),
        sa.Column("update_id", sa.String(64), nullable=False),
        sa.Column("model", sa.String(256), nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("policy_digest", sa.String(71), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("turn", sa.Integer(), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("worker", sa.String(256), nullable=True),
        sa.Column("device", sa.String(256), nullable=True),
        sa.Column("beats", sa.Integer(), nullable=False),
        sa.Column("cancelled", sa.Boolean(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("enqueued", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["update_id"], ["updates.id"], name="fk_queue_update_id_updates"),
        sa.PrimaryKeyConstraint("run_id", name="pk_queue"),
        sa.UniqueConstraint("number", name="uq_queue_number"),
    )
    op.create_index("ix_queue_model", "queue", ["model", "state"])
    op.create_index(
        "uq_queue_going",
        "queue",
        ["update_id"],
        unique=True,
        sqlite_where=_STILL_GOING,
        postgresql_where=_STILL_GOING,
    )
    op.create_table(
        "queue_events",
        sa.Column("run_id", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("gate", sa.String(256), nullable=True),
        sa.Column("detail", sa.String(256), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["queue.run_id"], name="fk_queue_events_run_id_queue"),
        sa.PrimaryKeyConstraint("run_id", "number", name="pk_queue_events"),
    )
