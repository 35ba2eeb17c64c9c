"""Who is signed in, and what a log-in used up."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0008"
down_revision: Final = "0007"


def upgrade() -> None:
    """Create both tables."""
    op.create_table(
        "sessions",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("digest", sa.String(71), nullable=False),
        sa.Column("bearer", sa.Boolean(), nullable=False),
        sa.Column("holder", sa.String(80), nullable=False),
        sa.Column("token", sa.String(71), nullable=True),
        sa.Column("log_in", sa.Text(), nullable=False),
        sa.Column("begun", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seen", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ends", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_sessions"),
        sa.UniqueConstraint("digest", name="uq_sessions_digest"),
    )
    op.create_index("ix_sessions_holder", "sessions", ["holder"])
    op.create_index("ix_sessions_ends", "sessions", ["ends"])
    op.create_table(
        "spent",
        sa.Column("digest", sa.String(71), nullable=False),
        sa.Column("expires", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_spent"),
    )
    op.create_index("ix_spent_expires", "spent", ["expires"])
