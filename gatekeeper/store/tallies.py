"""Counts over everything there is, for metrics.

What only grows is counted once, and then from the ledger's new entries alone. What comes and goes is read from indexes
that hold little else, or from rows that are few: nothing here reads a report or a verdict whole.
"""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import func, select, text
from sqlalchemy.orm import Session

from gatekeeper.core.states import State
from gatekeeper.store.tables import (
    EntryRow,
    ModelRow,
    PromotionRow,
    PromotionState,
    QueueRow,
    QueueState,
    ReportRow,
    RequestRow,
    RequestState,
    UpdateRow,
    VerdictRow,
)

_GOING = text("state IN ('QUEUED', 'RUNNING')")
"""Written as in the partial index, so that SQLite can use that."""


def updates_by_state(session: Session) -> dict[tuple[str, State], int]:
    """Return how many updates there are, by model and state; combinations without any are left out."""
    query = select(UpdateRow.model, UpdateRow.state, func.count()).group_by(UpdateRow.model, UpdateRow.state)
    return {(model, state): number for model, state, number in session.execute(query)}


def oldest_in_state(session: Session, state: State) -> dict[str, datetime]:
    """Return, by model, when the update that has been in a state for the longest came into it."""
    query = (
        select(UpdateRow.model, func.min(UpdateRow.updated).label("since"))
        # Through the models, so that the index on (model, state) finds the rows.
        .join(ModelRow, ModelRow.name == UpdateRow.model)
        .where(UpdateRow.state == state)
        .group_by(UpdateRow.model)
    )
    return {row.model: row.since for row in session.execute(query)}


def queue_by_state(session: Session) -> dict[tuple[str, QueueState], tuple[int, datetime]]:
    """Return how many evaluations wait or run, and since when the oldest was asked for, by model and state."""
    query = (
        select(QueueRow.model, QueueRow.state, func.count(), func.min(QueueRow.enqueued))
        .where(_GOING)
        .group_by(QueueRow.model, QueueRow.state)
    )
    return {(model, state): (number, since) for model, state, number, since in session.execute(query)}


def queue_ended(session: Session) -> dict[QueueState, int]:
    """Return how many queued evaluations there are in each state, those that ended included."""
    query = select(QueueRow.state, func.count().label("number")).group_by(QueueRow.state)
    return {row.state: row.number for row in session.execute(query)}


def requests_open(session: Session) -> dict[str, tuple[int, datetime]]:
    """Return how many requests wait for people, and since when the oldest, by action."""
    query = (
        select(RequestRow.action, func.count(), func.min(RequestRow.opened))
        .where(RequestRow.state == RequestState.OPEN)
        .group_by(RequestRow.action)
    )
    return {action: (number, since) for action, number, since in session.execute(query)}


def promotions_under_way(session: Session) -> int:
    """Return how many moves of aliases are intended and not yet seen to be made or given up."""
    query = select(func.count()).select_from(PromotionRow).where(PromotionRow.state == PromotionState.PROMOTING)
    return session.scalar(query) or 0


def verdicts(session: Session) -> dict[tuple[str, bool], int]:
    """Return how many verdicts there are, by outcome and whether anything errored."""
    query = select(VerdictRow.outcome, VerdictRow.errored, func.count()).group_by(
        VerdictRow.outcome, VerdictRow.errored
    )
    return {(outcome, errored): number for outcome, errored, number in session.execute(query)}


def entries_by_type(session: Session) -> dict[str, int]:
    """Return how many ledger entries there are of each type."""
    query = select(EntryRow.type, func.count().label("number")).group_by(EntryRow.type)
    return {row.type: row.number for row in session.execute(query)}


def gate_reports(session: Session) -> dict[tuple[str, str], int]:
    """Return how many reports there are, by gate and status."""
    query = select(ReportRow.gate, ReportRow.status, func.count()).group_by(ReportRow.gate, ReportRow.status)
    return {(gate, status): number for gate, status, number in session.execute(query)}


def entries_since(session: Session, first: int, *, limit: int) -> Iterator[tuple[int, str, bytes]]:
    """Yield number, type and leaf of entries in order, from number ``first`` on."""
    query = (
        select(EntryRow.seq, EntryRow.type, EntryRow.leaf)
        .where(EntryRow.seq >= first)
        .order_by(EntryRow.seq)
        .limit(limit)
    )
    for row in session.execute(query):
        yield row.seq, row.type, row.leaf
