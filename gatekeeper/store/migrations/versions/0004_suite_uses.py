"""Which updates were evaluated on which version of an evaluation set."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0004"
down_revision: Final = "0003"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "suite_uses",
        sa.Column("suite_digest", sa.String(71), nullable=False),
        sa.Column("update_digest", sa.String(71), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("first", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("suite_digest", "update_digest", name="pk_suite_uses"),
        sa.UniqueConstraint("suite_digest", "number", name="uq_suite_uses_suite_digest_number"),
    )
