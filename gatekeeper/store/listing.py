"""Long lists, a page at a time, in an order that new rows do not disturb."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from gatekeeper.core.states import State
from gatekeeper.store.tables import EntryRow, RunRow, UpdateRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a page of updates ended."""

    created: datetime
    id: str


def updates_page(
    session: Session,
    *,
    limit: int,
    model: str | None = None,
    states: Collection[State] = (),
    submitter: str | None = None,
    after: Place | None = None,
) -> list[UpdateRow]:
    """Return updates, newest first.

    Args:
        session: reads them.
        limit: how many at most.
        model: only of this model.
        states: only in one of these; empty for all.
        submitter: only proposed under this pseudonym.
        after: where the page before ended.
    """
    query = select(UpdateRow).order_by(UpdateRow.created.desc(), UpdateRow.id).limit(limit)
    if model is not None:
        query = query.where(UpdateRow.model == model)
    if states:
        query = query.where(UpdateRow.state.in_(states))
    if submitter is not None:
        query = query.where(UpdateRow.submitter == submitter)
    if after is not None:
        later = and_(UpdateRow.created == after.created, UpdateRow.id > after.id)
        query = query.where(or_(UpdateRow.created < after.created, later))
    return list(session.scalars(query))


def entries_page(
    session: Session, *, limit: int, first: int = 0, type: str | None = None, subject: str | None = None
) -> list[EntryRow]:
    """Return ledger entries in order, from number ``first`` on, of one type or about one subject where named."""
    query = select(EntryRow).where(EntryRow.seq >= first).order_by(EntryRow.seq).limit(limit)
    if type is not None:
        query = query.where(EntryRow.type == type)
    if subject is not None:
        query = query.where(EntryRow.subject == subject)
    return list(session.scalars(query))


def runs_of(session: Session, update_id: str) -> list[RunRow]:
    """Return the runs of an update, newest first."""
    query = select(RunRow).where(RunRow.update_id == update_id).order_by(RunRow.started.desc(), RunRow.id)
    return list(session.scalars(query))


def run_with_policy(session: Session, digest: str) -> RunRow | None:
    """Return the newest run under the policy of that digest, or ``None``."""
    query = select(RunRow).where(RunRow.policy_digest == digest).order_by(RunRow.started.desc(), RunRow.id).limit(1)
    return session.scalars(query).first()


def policy_digests(session: Session) -> list[tuple[str, str]]:
    """Return digest and name of every policy that anything was ever run under, sorted."""
    found = session.execute(select(RunRow.policy_digest, RunRow.policy_name).distinct())
    return sorted((row.policy_digest, row.policy_name) for row in found)
