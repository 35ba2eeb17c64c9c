"""Proofs: people's own keys, signatures, requests, passports, revocations, drift, checkpoints and tree nodes."""

import hashlib
from typing import Final

import sqlalchemy as sa
from alembic import op

revision: Final = "0002"
down_revision: Final = "0001"

ID = sa.String(64)
DIGEST = sa.String(71)
NAME = sa.String(256)
PSEUDONYM = sa.String(80)
WORD = sa.String(32)
MOMENT = sa.DateTime(timezone=True)


def upgrade() -> None:
    """Create the new tables, and carry people and comments over."""
    _people()
    _texts()
    _requests()
    _promotions()
    _watching()
    _ledger()


def _people() -> None:
    """Give everybody a lookup; those already known keep the pseudonym that leaves hold."""
    op.create_table(
        "people_with_keys",
        sa.Column("pseudonym", PSEUDONYM, nullable=False),
        sa.Column("lookup", PSEUDONYM, nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=True),
        sa.Column("display_name", NAME, nullable=False),
    )
    op.execute(
        "INSERT INTO people_with_keys (pseudonym, lookup, display_name) "
        "SELECT pseudonym, pseudonym, display_name FROM people"
    )
    op.drop_table("people")
    op.create_table(
        "people",
        sa.Column("pseudonym", PSEUDONYM, nullable=False),
        sa.Column("lookup", PSEUDONYM, nullable=False),
        sa.Column("key", sa.LargeBinary(), nullable=True),
        sa.Column("display_name", NAME, nullable=False),
        sa.PrimaryKeyConstraint("pseudonym", name="pk_people"),
        sa.UniqueConstraint("lookup", name="uq_people_lookup"),
    )
    op.execute(
        "INSERT INTO people (pseudonym, lookup, key, display_name) "
        "SELECT pseudonym, lookup, key, display_name FROM people_with_keys"
    )
    op.drop_table("people_with_keys")


def _texts() -> None:
    op.create_table(
        "texts",
        sa.Column("digest", DIGEST, nullable=False),
        sa.Column("subject", NAME, nullable=False),
        sa.Column("salt", sa.LargeBinary(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_texts"),
    )
    op.create_index("ix_texts_subject", "texts", ["subject"])
    op.execute(
        "INSERT INTO texts (digest, subject, salt, body) "
        "SELECT approvals.comment_digest, approvals.update_id, comments.salt, comments.body "
        "FROM comments JOIN approvals ON approvals.id = comments.approval_id"
    )
    op.drop_table("comments")
    op.add_column("approvals", sa.Column("envelope", sa.Text(), nullable=True))


def _requests() -> None:
    op.create_table(
        "requests",
        sa.Column("id", ID, nullable=False),
        sa.Column("action", WORD, nullable=False),
        sa.Column("update_id", ID, nullable=False),
        sa.Column("run_id", ID, nullable=False),
        sa.Column("model", NAME, nullable=False),
        sa.Column("alias", NAME, nullable=False),
        sa.Column("expected_previous", NAME, nullable=True),
        sa.Column("opened_by", PSEUDONYM, nullable=False),
        sa.Column("incident", NAME, nullable=True),
        sa.Column("justification_digest", DIGEST, nullable=True),
        sa.Column("required", sa.Integer(), nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("opened", MOMENT, nullable=False),
        sa.Column("expires", MOMENT, nullable=False),
        sa.Column("valid_until", MOMENT, nullable=True),
        sa.ForeignKeyConstraint(["update_id"], ["updates.id"], name="fk_requests_update_id_updates"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_requests_run_id_runs"),
        sa.ForeignKeyConstraint(["model"], ["models.name"], name="fk_requests_model_models"),
        sa.PrimaryKeyConstraint("id", name="pk_requests"),
    )
    op.create_index("ix_requests_update_id", "requests", ["update_id"])
    op.create_table(
        "request_decisions",
        sa.Column("id", ID, nullable=False),
        sa.Column("request_id", ID, nullable=False),
        sa.Column("decision", WORD, nullable=False),
        sa.Column("approver", PSEUDONYM, nullable=False),
        sa.Column("comment_digest", DIGEST, nullable=True),
        sa.Column("envelope", sa.Text(), nullable=False),
        sa.Column("given", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["request_id"], ["requests.id"], name="fk_request_decisions_request_id_requests"),
        sa.PrimaryKeyConstraint("id", name="pk_request_decisions"),
        sa.UniqueConstraint("request_id", "approver", name="uq_request_decisions_request_id_approver"),
    )


def _promotions() -> None:
    with op.batch_alter_table("promotions") as batch:
        batch.add_column(sa.Column("kind", WORD, nullable=True))
        batch.add_column(
            sa.Column(
                "request_id",
                ID,
                sa.ForeignKey("requests.id", name="fk_promotions_request_id_requests"),
                nullable=True,
            )
        )
        batch.add_column(sa.Column("nonce", ID, nullable=True))
        batch.add_column(sa.Column("intent_seq", sa.BigInteger(), nullable=True))
        batch.add_column(sa.Column("passport", sa.Text(), nullable=True))
    # An older promotion without an expected previous version set the first champion; its id is as good a nonce.
    op.execute(
        "UPDATE promotions SET nonce = id, "
        "kind = CASE WHEN expected_previous IS NULL THEN 'certify' ELSE 'promote' END"
    )
    with op.batch_alter_table("promotions") as batch:
        batch.alter_column("kind", existing_type=WORD, nullable=False)
        batch.alter_column("nonce", existing_type=ID, nullable=False)
    op.create_table(
        "revocations",
        sa.Column("update_digest", DIGEST, nullable=False),
        sa.Column("update_id", ID, nullable=False),
        sa.Column("code", sa.String(64), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("revoked", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["update_id"], ["updates.id"], name="fk_revocations_update_id_updates"),
        sa.PrimaryKeyConstraint("update_digest", name="pk_revocations"),
    )


def _watching() -> None:
    op.create_table(
        "watches",
        sa.Column("registry_id", NAME, nullable=False),
        sa.Column("model", NAME, nullable=False),
        sa.Column("version", NAME, nullable=False),
        sa.Column("fingerprint", DIGEST, nullable=True),
        sa.Column("hashed", MOMENT, nullable=False),
        sa.ForeignKeyConstraint(["model"], ["models.name"], name="fk_watches_model_models"),
        sa.PrimaryKeyConstraint("registry_id", "model", "version", name="pk_watches"),
    )
    op.create_table(
        "drifts",
        sa.Column("id", ID, nullable=False),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("registry_id", NAME, nullable=False),
        sa.Column("model", NAME, nullable=False),
        sa.Column("alias", NAME, nullable=True),
        sa.Column("version", NAME, nullable=True),
        sa.Column("observed", NAME, nullable=True),
        sa.Column("found", MOMENT, nullable=False),
        sa.Column("cleared", MOMENT, nullable=True),
        sa.Column("cleared_by", WORD, nullable=True),
        sa.ForeignKeyConstraint(["model"], ["models.name"], name="fk_drifts_model_models"),
        sa.PrimaryKeyConstraint("id", name="pk_drifts"),
    )


def _ledger() -> None:
    op.create_table(
        "ledger_nodes",
        sa.Column("level", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("level", "number", name="pk_ledger_nodes"),
    )
    _fill_nodes()
    op.create_table(
        "checkpoints",
        sa.Column("size", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("root", sa.LargeBinary(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("cosignatures", sa.Integer(), nullable=False),
        sa.Column("signed", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("size", name="pk_checkpoints"),
    )


def _fill_nodes() -> None:
    """Keep the roots of the subtrees that are full already."""
    connection = op.get_bind()
    nodes = sa.table("ledger_nodes", sa.column("level"), sa.column("number"), sa.column("hash"))
    leaves = sa.text("SELECT leaf_hash FROM ledger_entries ORDER BY seq")
    full: dict[int, list[bytes]] = {8: [], 16: []}
    waiting: list[bytes] = []
    for (hashed,) in connection.execute(leaves):
        waiting.append(hashed)
        if len(waiting) == 256:
            full[8].append(_root(waiting))
            waiting = []
            if len(full[8]) % 256 == 0:
                full[16].append(_root(full[8][-256:]))
    rows = [
        {"level": level, "number": number, "hash": kept}
        for level, roots in full.items()
        for number, kept in enumerate(roots)
    ]
    if rows:
        op.bulk_insert(nodes, rows)


def _root(hashes: list[bytes]) -> bytes:
    """Return the Merkle root over a power of two of hashes."""
    while len(hashes) > 1:
        hashes = [
            hashlib.sha256(b"\x01" + left + right).digest()
            for left, right in zip(hashes[::2], hashes[1::2], strict=True)
        ]
    return hashes[0]
