"""Quarantined rows that people released, each from one gate and bound to the row's content."""

import secrets
from collections.abc import Iterable
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from gatekeeper.core.digests import Digest
from gatekeeper.store.tables import ReleaseRow


def new_release_id() -> str:
    """Return an id nobody has used."""
    return f"rel-{secrets.token_hex(8)}"


def add(
    session: Session,
    *,
    release_id: str,
    row_digest: Digest,
    gate: str,
    method: Digest,
    tests: Iterable[str],
    file_digest: Digest,
    reviewer: str,
    reason_digest: Digest,
    envelope: str,
    now: datetime | None = None,
) -> ReleaseRow:
    """Write a release down."""
    row = ReleaseRow(
        id=release_id,
        row_digest=row_digest,
        gate=gate,
        method=method,
        tests=list(tests),
        file_digest=file_digest,
        reviewer=reviewer,
        reason_digest=reason_digest,
        envelope=envelope,
        given=now or datetime.now(UTC),
    )
    session.add(row)
    session.flush()
    return row


def find(session: Session, release_id: str) -> ReleaseRow | None:
    """Return the release of that id, or ``None``."""
    return session.get(ReleaseRow, release_id)


def of_gate(session: Session, gate: str, method: Digest) -> list[ReleaseRow]:
    """Return every release from a gate that measures in this way, oldest first."""
    query = select(ReleaseRow).where(ReleaseRow.gate == gate, ReleaseRow.method == method)
    return list(session.scalars(query.order_by(ReleaseRow.given, ReleaseRow.id)))


def of_row(session: Session, row_digest: Digest, gate: str, method: Digest) -> list[ReleaseRow]:
    """Return the releases of one row's content from a gate that measures in this way, oldest first."""
    query = select(ReleaseRow).where(
        ReleaseRow.row_digest == row_digest, ReleaseRow.gate == gate, ReleaseRow.method == method
    )
    return list(session.scalars(query.order_by(ReleaseRow.given, ReleaseRow.id)))
