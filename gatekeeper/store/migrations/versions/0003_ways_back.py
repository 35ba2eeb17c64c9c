"""Ways back that people agree to when they break the glass."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0003"
down_revision: Final = "0002"


def upgrade() -> None:
    """Let a request name the break of the glass that it belongs to."""
    op.add_column("requests", sa.Column("return_of", sa.String(64), nullable=True))
