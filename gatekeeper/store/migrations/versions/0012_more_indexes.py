"""What is asked at every request is found without looking at every row."""

from typing import Final

from alembic import op

revision: Final = "0012"
down_revision: Final = "0011"


def upgrade() -> None:
    """Create the indexes."""
    op.create_index("ix_updates_registered_version", "updates", ["registered_version"])
    op.create_index("ix_updates_created", "updates", ["created"])
    op.create_index("ix_promotions_state", "promotions", ["state"])
    op.create_index("ix_promotions_last", "promotions", ["registry_id", "model", "alias", "state", "intent_seq"])
    op.create_index("ix_requests_state", "requests", ["state"])
