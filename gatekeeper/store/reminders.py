"""When people were reminded of what: claimed by one process at a time, so that nobody is told twice within a while."""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from gatekeeper.store.tables import ReminderKind, ReminderRow


def claim(session: Session, subject: str, kind: ReminderKind, *, now: datetime, every: timedelta) -> int | None:
    """Return how often people are reminded of this now, from 1; ``None`` where it is too early.

    Args:
        session: a transaction; of two that claim the same, the second sees what the first wrote.
        subject: id of the update or the request.
        kind: why.
        now: the present moment.
        every: how long between two of a kind.
    """
    query = select(ReminderRow).where(ReminderRow.subject == subject, ReminderRow.kind == kind).with_for_update()
    row = session.scalars(query).first()
    if row is None:
        session.add(ReminderRow(subject=subject, kind=kind, number=1, sent=now))
        session.flush()
        return 1
    if row.sent + every > now:
        return None
    row.number, row.sent = row.number + 1, now
    session.flush()
    return row.number


def of_subject(session: Session, subject: str) -> list[ReminderRow]:
    """Return when people were reminded of one thing."""
    return list(session.scalars(select(ReminderRow).where(ReminderRow.subject == subject).order_by(ReminderRow.kind)))
