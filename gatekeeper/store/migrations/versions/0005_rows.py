"""Counts of accepted rows, and releases of quarantined ones."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0005"
down_revision: Final = "0004"


def upgrade() -> None:
    """Create both tables."""
    op.create_table(
        "row_counts",
        sa.Column("update_id", sa.String(64), nullable=False),
        sa.Column("model", sa.String(256), nullable=False),
        sa.Column("data_digest", sa.String(71), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=False),
        sa.Column("counts", sa.LargeBinary(), nullable=False),
        sa.Column("digest", sa.String(71), nullable=False),
        sa.Column("quarantine_days", sa.Double(), nullable=False),
        sa.Column("made", sa.DateTime(timezone=True), nullable=False),
        sa.Column("counts_from", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("update_id", name="pk_row_counts"),
        sa.ForeignKeyConstraint(["update_id"], ["updates.id"], name="fk_row_counts_update_id_updates"),
        sa.ForeignKeyConstraint(["model"], ["models.name"], name="fk_row_counts_model_models"),
    )
    op.create_index("ix_row_counts_model_counts_from", "row_counts", ["model", "counts_from"])
    op.create_table(
        "releases",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("row_digest", sa.String(71), nullable=False),
        sa.Column("gate", sa.String(256), nullable=False),
        sa.Column("method", sa.String(71), nullable=False),
        sa.Column("tests", sa.Text(), nullable=False),
        sa.Column("file_digest", sa.String(71), nullable=False),
        sa.Column("reviewer", sa.String(80), nullable=False),
        sa.Column("reason_digest", sa.String(71), nullable=False),
        sa.Column("envelope", sa.Text(), nullable=False),
        sa.Column("given", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_releases"),
    )
    op.create_index("ix_releases_row_digest_gate", "releases", ["row_digest", "gate"])
