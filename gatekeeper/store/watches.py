"""When a version's stored files were last hashed, and what the storage said of them then."""

from datetime import datetime

from sqlalchemy.orm import Session

from gatekeeper.core.digests import Digest
from gatekeeper.store.tables import WatchRow


def find(session: Session, *, registry_id: str, model: str, version: str) -> WatchRow | None:
    """Return when and how a version was last looked at, or ``None`` when it never was."""
    return session.get(WatchRow, (registry_id, model, version))


def note(
    session: Session, *, registry_id: str, model: str, version: str, fingerprint: Digest | None, hashed: datetime
) -> None:
    """Write down that a version's files were hashed and are the registered ones.

    Args:
        session: the caller's transaction.
        registry_id: of the registry.
        model: registered model.
        version: of the model.
        fingerprint: digest over what the storage said of the files, taken before they were hashed.
        hashed: when.
    """
    row = find(session, registry_id=registry_id, model=model, version=version)
    if row is None:
        session.add(
            WatchRow(registry_id=registry_id, model=model, version=version, fingerprint=fingerprint, hashed=hashed)
        )
    else:
        row.fingerprint, row.hashed = fingerprint, hashed
    session.flush()
