"""Webhooks: outgoing endpoints and deliveries, versions taken from the registry, deliveries received from it."""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0009"
down_revision: Final = "0008"


def _when(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def upgrade() -> None:
    """Create the five tables."""
    op.create_table(
        "webhook_endpoints",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("events", sa.Text(), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("generation", sa.Integer(), nullable=False),
        sa.Column("oldest", sa.Integer(), nullable=False),
        _when("overlap_until", nullable=True),
        sa.Column("after", sa.Integer(), nullable=False),
        _when("failing_since", nullable=True),
        sa.Column("made_by", sa.String(80), nullable=False),
        _when("created"),
        _when("changed"),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_endpoints"),
    )
    op.create_table(
        "webhook_deliveries",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("endpoint_id", sa.String(64), nullable=False),
        sa.Column("seq", sa.Integer(), nullable=True),
        sa.Column("body", sa.LargeBinary(), nullable=True),
        sa.Column("message", sa.String(64), nullable=False),
        sa.Column("event", sa.String(64), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        _when("due"),
        sa.Column("lease", sa.String(64), nullable=True),
        _when("leased_until", nullable=True),
        _when("last_attempt", nullable=True),
        sa.Column("last_status", sa.Integer(), nullable=True),
        sa.Column("last_error", sa.String(64), nullable=True),
        _when("created"),
        sa.ForeignKeyConstraint(
            ["endpoint_id"], ["webhook_endpoints.id"], name="fk_webhook_deliveries_endpoint_id_webhook_endpoints"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_webhook_deliveries"),
        sa.UniqueConstraint("endpoint_id", "seq", "event", name="uq_webhook_deliveries_endpoint_id_seq_event"),
    )
    op.create_index("ix_webhook_deliveries_due", "webhook_deliveries", ["state", "due"])
    op.create_index("ix_webhook_deliveries_created", "webhook_deliveries", ["created"])
    op.create_table(
        "intakes",
        sa.Column("registry_id", sa.String(256), nullable=False),
        sa.Column("model", sa.String(256), nullable=False),
        sa.Column("version", sa.String(32), nullable=False),
        sa.Column("created_ms", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("claim", sa.String(64), nullable=True),
        _when("due"),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("update_id", sa.String(64), nullable=True),
        sa.Column("code", sa.String(64), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        _when("first_seen"),
        _when("changed"),
        sa.ForeignKeyConstraint(["update_id"], ["updates.id"], name="fk_intakes_update_id_updates"),
        sa.PrimaryKeyConstraint("registry_id", "model", "version", "created_ms", name="pk_intakes"),
    )
    op.create_table(
        "intake_models",
        sa.Column("registry_id", sa.String(256), nullable=False),
        sa.Column("model", sa.String(256), nullable=False),
        _when("since"),
        sa.PrimaryKeyConstraint("registry_id", "model", name="pk_intake_models"),
    )
    op.create_table(
        "received_webhooks",
        sa.Column("id", sa.String(128), nullable=False),
        _when("at"),
        sa.PrimaryKeyConstraint("id", name="pk_received_webhooks"),
    )
    op.create_index("ix_received_webhooks_at", "received_webhooks", ["at"])
