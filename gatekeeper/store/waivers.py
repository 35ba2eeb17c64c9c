"""Waivers: who accepted which finding of which run, until when."""

import secrets
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from gatekeeper.core.digests import Digest
from gatekeeper.store.tables import WaiverRow


def add(
    session: Session,
    *,
    update_id: str,
    run_id: str,
    gate: str,
    code: str,
    finding: Digest,
    approver: str,
    justification_digest: Digest,
    envelope: str,
    given: datetime,
    expires: datetime,
) -> WaiverRow:
    """Write one person's acceptance down."""
    row = WaiverRow(
        id=f"wav-{secrets.token_hex(8)}",
        update_id=update_id,
        run_id=run_id,
        gate=gate,
        code=code,
        finding=finding,
        approver=approver,
        justification_digest=justification_digest,
        envelope=envelope,
        given=given,
        expires=expires,
    )
    session.add(row)
    session.flush()
    return row


def find(session: Session, waiver_id: str) -> WaiverRow | None:
    """Return the waiver of that id, or ``None``."""
    return session.get(WaiverRow, waiver_id)


def of_update(session: Session, update_id: str) -> list[WaiverRow]:
    """Return every waiver about one update, over all its runs, oldest first."""
    query = select(WaiverRow).where(WaiverRow.update_id == update_id)
    return list(session.scalars(query.order_by(WaiverRow.given, WaiverRow.id)))


def of_finding(session: Session, run_id: str, finding: str, *, moment: datetime) -> list[WaiverRow]:
    """Return the acceptances of one finding of one run that have not expired, oldest first."""
    query = select(WaiverRow).where(
        WaiverRow.run_id == run_id, WaiverRow.finding == finding, WaiverRow.expires > moment
    )
    return list(session.scalars(query.order_by(WaiverRow.given, WaiverRow.id)))
