"""Parts of long gates that are done."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0011"
down_revision: Final = "0007"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "queue_shards",
        sa.Column("run_id", sa.String(64), nullable=False),
        sa.Column("gate", sa.String(256), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("digest", sa.String(71), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["queue.run_id"], name="fk_queue_shards_run_id_queue"),
        sa.PrimaryKeyConstraint("run_id", "gate", "name", name="pk_queue_shards"),
    )
