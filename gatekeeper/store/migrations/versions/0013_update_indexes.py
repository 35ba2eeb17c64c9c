"""Updates are found by their registered version, and pages of them in order, without looking at every one."""

from typing import Final

from alembic import op

revision: Final = "0013"
down_revision: Final = "0007"


def upgrade() -> None:
    """Create the indexes."""
    op.create_index("ix_updates_registered_version", "updates", ["registered_version"])
    op.create_index("ix_updates_created", "updates", ["created"])
