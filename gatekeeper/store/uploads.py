"""Uploads: whose they are, what they hold, and until when they wait."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from gatekeeper.core.digests import Digest
from gatekeeper.store.tables import UploadFormat, UploadKind, UploadRow


def add(
    session: Session,
    *,
    holder: str,
    digest: Digest,
    kind: UploadKind,
    packed: UploadFormat,
    size: int,
    unpacked: int,
    files: int,
    uploaded: datetime,
    expires: datetime,
) -> UploadRow:
    """Write an upload down."""
    row = UploadRow(
        holder=holder,
        digest=digest,
        kind=kind,
        format=packed,
        size=size,
        unpacked=unpacked,
        files=files,
        uploaded=uploaded,
        expires=expires,
    )
    session.add(row)
    session.flush()
    return row


def find(session: Session, holder: str, digest: str) -> UploadRow | None:
    """Return somebody's upload of that digest, or ``None``."""
    return session.get(UploadRow, (holder, digest))


def of_holder(session: Session, holder: str) -> list[UploadRow]:
    """Return somebody's uploads, newest first."""
    query = select(UploadRow).where(UploadRow.holder == holder)
    return list(session.scalars(query.order_by(UploadRow.uploaded.desc(), UploadRow.digest)))


def of_digest(session: Session, digest: str) -> list[UploadRow]:
    """Return everybody's uploads of the same bytes."""
    return list(session.scalars(select(UploadRow).where(UploadRow.digest == digest).order_by(UploadRow.holder)))


def everything(session: Session) -> list[UploadRow]:
    """Return every upload there is, newest first."""
    return list(session.scalars(select(UploadRow).order_by(UploadRow.uploaded.desc(), UploadRow.digest)))


def expired(session: Session, moment: datetime) -> list[UploadRow]:
    """Return the uploads whose time is over."""
    return list(session.scalars(select(UploadRow).where(UploadRow.expires <= moment).order_by(UploadRow.digest)))


def remove(session: Session, row: UploadRow) -> None:
    """Forget an upload."""
    session.delete(row)
    session.flush()
