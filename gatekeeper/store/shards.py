"""Which parts of a run's long gates are done. Whoever writes here holds the run, as the queue's row says."""

from collections.abc import Mapping
from datetime import UTC, datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from gatekeeper.core.digests import Digest
from gatekeeper.store.tables import ShardRow


def keep(
    session: Session,
    run_id: str,
    gate: str,
    *,
    name: str,
    digest: Digest,
    attempt: int,
    now: datetime | None = None,
) -> bool:
    """Write down that a part is done; return whether that is news. Done twice, it counts once, as it was last."""
    row = session.get(ShardRow, (run_id, gate, name))
    if row is not None:
        row.digest, row.attempt = digest, attempt
        session.flush()
        return False
    session.add(
        ShardRow(run_id=run_id, gate=gate, name=name, digest=digest, attempt=attempt, at=now or datetime.now(UTC))
    )
    session.flush()
    return True


def kept(session: Session, run_id: str, gate: str) -> Mapping[str, str]:
    """Return the digests of a gate's parts by name."""
    query = select(ShardRow.name, ShardRow.digest).where(ShardRow.run_id == run_id, ShardRow.gate == gate)
    return {row.name: row.digest for row in session.execute(query)}


def forget(session: Session, run_id: str, gate: str | None = None) -> None:
    """Delete what is written down about the parts of one gate, or of all: its report is there, or never will be."""
    query = delete(ShardRow).where(ShardRow.run_id == run_id)
    session.execute(query if gate is None else query.where(ShardRow.gate == gate))
