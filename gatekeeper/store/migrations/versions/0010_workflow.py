"""Answers to updates that were sent back, waivers, uploads, and when people were reminded."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0010"
down_revision: Final = "0009"


def upgrade() -> None:
    """Add the column and the tables."""
    op.add_column("updates", sa.Column("answers", sa.String(64), nullable=True))
    op.create_index("ix_updates_answers", "updates", ["answers"])
    op.create_table(
        "waivers",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("update_id", sa.String(64), nullable=False),
        sa.Column("run_id", sa.String(64), nullable=False),
        sa.Column("gate", sa.String(256), nullable=False),
        sa.Column("code", sa.String(256), nullable=False),
        sa.Column("finding", sa.String(71), nullable=False),
        sa.Column("approver", sa.String(80), nullable=False),
        sa.Column("justification_digest", sa.String(71), nullable=False),
        sa.Column("envelope", sa.Text(), nullable=False),
        sa.Column("given", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["update_id"], ["updates.id"], name="fk_waivers_update_id_updates"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_waivers_run_id_runs"),
        sa.PrimaryKeyConstraint("id", name="pk_waivers"),
    )
    op.create_index("ix_waivers_update_id", "waivers", ["update_id"])
    op.create_table(
        "uploads",
        sa.Column("holder", sa.String(80), nullable=False),
        sa.Column("digest", sa.String(71), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("format", sa.String(32), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("unpacked", sa.BigInteger(), nullable=False),
        sa.Column("files", sa.Integer(), nullable=False),
        sa.Column("uploaded", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("holder", "digest", name="pk_uploads"),
    )
    op.create_index("ix_uploads_digest", "uploads", ["digest"])
    op.create_index("ix_uploads_expires", "uploads", ["expires"])
    op.create_table(
        "reminders",
        sa.Column("subject", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("sent", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("subject", "kind", name="pk_reminders"),
    )
