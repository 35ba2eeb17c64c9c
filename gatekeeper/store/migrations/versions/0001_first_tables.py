"""The first tables: models, people, updates, runs, reports, verdicts, approvals, promotions and the ledger.

The types are spelled out rather than imported, so that this file goes on meaning what it meant.
"""

from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0001"
down_revision: Final = None

ID = sa.String(64)
DIGEST = sa.String(71)
NAME = sa.String(256)
PSEUDONYM = sa.String(80)
WORD = sa.String(32)
MOMENT = sa.DateTime(timezone=True)
STILL_PROMOTING = sa.text("state = 'PROMOTING'")


def upgrade() -> None:
    """Create every table, and the ledger's head with nothing behind it."""
    _subjects()
    _evaluation()
    _decisions()
    _ledger()


def _subjects() -> None:
    op.create_table(
        "models",
        sa.Column("name", NAME, nullable=False),
        sa.Column("protected_aliases", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_models"),
    )
    op.create_table(
        "people",
        sa.Column("pseudonym", PSEUDONYM, nullable=False),
        sa.Column("display_name", NAME, nullable=False),
        sa.PrimaryKeyConstraint("pseudonym", name="pk_people"),
    )
    op.create_table(
        "updates",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", NAME, nullable=False),
        sa.Column("model", NAME, nullable=False),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("manifest_digest", DIGEST, nullable=False),
        sa.Column("manifest", sa.Text(), nullable=False),
        sa.Column("artifact_path", sa.Text(), nullable=False),
        sa.Column("base_path", sa.Text(), nullable=True),
        sa.Column("data_path", sa.Text(), nullable=True),
        sa.Column("data_digest", DIGEST, nullable=True),
        sa.Column("data_size", sa.BigInteger(), nullable=True),
        sa.Column("provenance", sa.Text(), nullable=False),
        sa.Column("submitter", PSEUDONYM, nullable=False),
        sa.Column("champion_version", NAME, nullable=True),
        sa.Column("champion_digest", DIGEST, nullable=True),
        sa.Column("registered_version", NAME, nullable=True),
        sa.Column("state", WORD, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created", MOMENT, nullable=False),
        sa.Column("updated", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["model"], ["models.name"], name="fk_updates_model_models"),
        sa.PrimaryKeyConstraint("id", name="pk_updates"),
    )
    op.create_index("ix_updates_manifest_digest", "updates", ["manifest_digest"])
    op.create_index("ix_updates_model_state", "updates", ["model", "state"])


def _evaluation() -> None:
    op.create_table(
        "runs",
        sa.Column("id", ID, nullable=False),
        sa.Column("update_id", ID, nullable=False),
        sa.Column("policy_name", NAME, nullable=False),
        sa.Column("policy_digest", DIGEST, nullable=False),
        sa.Column("policy", sa.Text(), nullable=False),
        sa.Column("seed", sa.BigInteger(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("started", MOMENT, nullable=False),
        sa.Column("finished", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["update_id"], ["updates.id"], name="fk_runs_update_id_updates"),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
    )
    op.create_index("ix_runs_update_id", "runs", ["update_id"])
    op.create_table(
        "reports",
        sa.Column("run_id", ID, nullable=False),
        sa.Column("gate", NAME, nullable=False),
        sa.Column("status", WORD, nullable=False),
        sa.Column("report", sa.Text(), nullable=False),
        sa.Column("digest", DIGEST, nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_reports_run_id_runs"),
        sa.PrimaryKeyConstraint("run_id", "gate", name="pk_reports"),
    )
    op.create_table(
        "verdicts",
        sa.Column("run_id", ID, nullable=False),
        sa.Column("outcome", WORD, nullable=False),
        sa.Column("errored", sa.Boolean(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("evidence_digest", DIGEST, nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_verdicts_run_id_runs"),
        sa.PrimaryKeyConstraint("run_id", name="pk_verdicts"),
    )


def _decisions() -> None:
    op.create_table(
        "approvals",
        sa.Column("id", ID, nullable=False),
        sa.Column("update_id", ID, nullable=False),
        sa.Column("run_id", ID, nullable=False),
        sa.Column("decision", WORD, nullable=False),
        sa.Column("approver", PSEUDONYM, nullable=False),
        sa.Column("update_digest", DIGEST, nullable=False),
        sa.Column("policy_digest", DIGEST, nullable=False),
        sa.Column("evidence_digest", DIGEST, nullable=False),
        sa.Column("comment_digest", DIGEST, nullable=True),
        sa.Column("given", MOMENT, nullable=False),
        sa.Column("expires", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["update_id"], ["updates.id"], name="fk_approvals_update_id_updates"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_approvals_run_id_runs"),
        sa.PrimaryKeyConstraint("id", name="pk_approvals"),
        sa.UniqueConstraint("run_id", "approver", name="uq_approvals_run_id_approver"),
    )
    op.create_index("ix_approvals_update_id", "approvals", ["update_id"])
    op.create_table(
        "comments",
        sa.Column("approval_id", ID, nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["approval_id"], ["approvals.id"], name="fk_comments_approval_id_approvals"),
        sa.PrimaryKeyConstraint("approval_id", name="pk_comments"),
    )
    op.create_table(
        "promotions",
        sa.Column("id", ID, nullable=False),
        sa.Column("update_id", ID, nullable=False),
        sa.Column("registry_id", NAME, nullable=False),
        sa.Column("model", NAME, nullable=False),
        sa.Column("version", NAME, nullable=False),
        sa.Column("alias", NAME, nullable=False),
        sa.Column("expected_previous", NAME, nullable=True),
        sa.Column("state", WORD, nullable=False),
        sa.Column("started", MOMENT, nullable=False),
        sa.Column("finished", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["update_id"], ["updates.id"], name="fk_promotions_update_id_updates"),
        sa.ForeignKeyConstraint(["model"], ["models.name"], name="fk_promotions_model_models"),
        sa.PrimaryKeyConstraint("id", name="pk_promotions"),
    )
    op.create_index("ix_promotions_update_id", "promotions", ["update_id"])
    op.create_index(
        "uq_promotions_one_promoting",
        "promotions",
        ["registry_id", "model", "alias"],
        unique=True,
        sqlite_where=STILL_PROMOTING,
        postgresql_where=STILL_PROMOTING,
    )


def _ledger() -> None:
    head = op.create_table(
        "ledger_head",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_ledger_head"),
    )
    op.bulk_insert(head, [{"id": 1, "size": 0}])
    op.create_table(
        "ledger_entries",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("ts", MOMENT, nullable=False),
        sa.Column("type", sa.String(64), nullable=False),
        sa.Column("actor", PSEUDONYM, nullable=False),
        sa.Column("subject", NAME, nullable=False),
        sa.Column("leaf", sa.LargeBinary(), nullable=False),
        sa.Column("leaf_hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_ledger_entries"),
    )
    op.create_index("ix_ledger_entries_type", "ledger_entries", ["type"])
    op.create_index("ix_ledger_entries_subject", "ledger_entries", ["subject"])
