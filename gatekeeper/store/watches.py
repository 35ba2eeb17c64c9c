"""When each watched version was last looked at, and what its stored files looked like then."""

from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from gatekeeper.store.tables import WatchRow


def find(session: Session, *, registry_id: str, model: str, version: str) -> WatchRow | None:
    """Return what is known of a version's files, or ``None`` when its bytes were never hashed."""
    return session.get(WatchRow, (registry_id, model, version))


def hashed(
    session: Session, *, registry_id: str, model: str, version: str, fingerprint: str | None, now: datetime
) -> None:
    """Write down that a version's bytes were hashed, and what its files looked like just before."""
    row = find(session, registry_id=registry_id, model=model, version=version)
    if row is None:
        session.add(
            WatchRow(registry_id=registry_id, model=model, version=version, fingerprint=fingerprint, hashed=now)
        )
    else:
        row.fingerprint, row.hashed = fingerprint, now
    session.flush()


def last_hashed(session: Session, *, registry_id: str) -> datetime | None:
    """Return when bytes of this registry were last hashed, or ``None`` when they never were."""
    return session.scalars(select(func.max(WatchRow.hashed)).where(WatchRow.registry_id == registry_id)).one_or_none()
