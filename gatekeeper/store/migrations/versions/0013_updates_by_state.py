"""Which updates are in one state is asked before every change."""

from typing import Final

from alembic import op

revision: Final = "0013"
down_revision: Final = "0012"


def upgrade() -> None:
    """Create the index."""
    op.create_index("ix_updates_state", "updates", ["state", "updated"])
