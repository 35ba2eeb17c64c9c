"""Lists of updates of one model or in one state are read in their order, and not sorted each time."""

from typing import Final

from alembic import op

revision: Final = "0013"
down_revision: Final = "0012"


def upgrade() -> None:
    """Create the indexes, and drop the one that is the beginning of another."""
    op.create_index("ix_updates_model_state_created", "updates", ["model", "state", "created"])
    op.create_index("ix_updates_model_created", "updates", ["model", "created"])
    op.create_index("ix_updates_state_created", "updates", ["state", "created"])
    op.drop_index("ix_updates_model_state", "updates")
