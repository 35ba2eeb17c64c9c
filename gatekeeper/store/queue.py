"""The queue of evaluations: asked for, taken by one worker at a time, and ended.

A worker holds a run while the row names it and the attempt it began. Whoever takes the run over raises the attempt, so
that the former holder's next transaction finds that it holds nothing any more. Whether a holder lives is seen from its
beats and the watcher's own clock; no two machines' clocks are ever compared.
"""

from collections.abc import Collection
from datetime import UTC, datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from gatekeeper.core.digests import Digest, Plain
from gatekeeper.core.errors import UsageError
from gatekeeper.store import shards
from gatekeeper.store.runs import new_run_id
from gatekeeper.store.tables import QueueEventRow, QueueRow, QueueState

GOING = (QueueState.QUEUED, QueueState.RUNNING)


def add(
    session: Session,
    *,
    update_id: str,
    model: str,
    policy: Plain,
    policy_digest: Digest,
    now: datetime | None = None,
) -> QueueRow:
    """Put an evaluation at the end of the queue; where one of this update is under way already, return that."""
    if (going := going_of(session, update_id)) is not None:
        return going
    row = QueueRow(
        run_id=new_run_id(),
        update_id=update_id,
        model=model,
        policy=policy,
        policy_digest=policy_digest,
        state=QueueState.QUEUED,
        number=1 + (session.scalar(select(func.max(QueueRow.number))) or 0),
        turn=0,
        attempt=0,
        worker=None,
        device=None,
        beats=0,
        cancelled=False,
        error=None,
        enqueued=now or datetime.now(UTC),
        ended=None,
    )
    session.add(row)
    session.flush()
    return row


def find(session: Session, run_id: str) -> QueueRow | None:
    """Return the queued evaluation of that run, or ``None``."""
    return session.get(QueueRow, run_id)


def require(session: Session, run_id: str) -> QueueRow:
    """Return the queued evaluation of that run.

    Raises:
        UsageError: the run was never queued.
    """
    row = find(session, run_id)
    if row is None:
        raise UsageError(f"There is no queued run {run_id}.", hint="`gatekeeper queue` lists them.")
    return row


def going_of(session: Session, update_id: str) -> QueueRow | None:
    """Return the evaluation of an update that waits or runs, or ``None``."""
    query = select(QueueRow).where(QueueRow.update_id == update_id, QueueRow.state.in_(GOING))
    return session.scalars(query).one_or_none()


def going(session: Session) -> list[QueueRow]:
    """Return every evaluation that waits or runs, in the order they were asked for."""
    return list(session.scalars(select(QueueRow).where(QueueRow.state.in_(GOING)).order_by(QueueRow.number)))


def running(session: Session) -> list[QueueRow]:
    """Return every evaluation that a worker has, or had when it died."""
    query = select(QueueRow).where(QueueRow.state == QueueState.RUNNING).order_by(QueueRow.number)
    return list(session.scalars(query))


def next_waiting(session: Session) -> QueueRow | None:
    """Return the evaluation whose turn it is: of the model that was served longest ago, the oldest."""
    served = select(QueueRow.model, func.max(QueueRow.turn).label("turn")).group_by(QueueRow.model).subquery()
    query = (
        select(QueueRow)
        .join(served, served.c.model == QueueRow.model)
        .where(QueueRow.state == QueueState.QUEUED)
        .order_by(served.c.turn, QueueRow.number)
    )
    return session.scalars(query.limit(1)).first()


def busy(session: Session, device: str, *, without: Collection[str] = ()) -> int:
    """Return how many evaluations run on a device; those of the runs in ``without`` are not counted."""
    return sum(row.device == device and row.run_id not in without for row in running(session))


def take(session: Session, row: QueueRow, *, worker: str, device: str) -> int:
    """Give a run to a worker and return the number of its attempt; whoever had it has it no more."""
    row.turn = 1 + (session.scalar(select(func.max(QueueRow.turn))) or 0)
    row.attempt += 1
    row.state, row.worker, row.device, row.beats = QueueState.RUNNING, worker, device, 0
    session.flush()
    return row.attempt


def is_held(session: Session, run_id: str, *, worker: str, attempt: int) -> bool:
    """Return whether a worker has this run in this attempt."""
    query = select(QueueRow.state, QueueRow.worker, QueueRow.attempt).where(QueueRow.run_id == run_id)
    found = session.execute(query).one_or_none()
    return found is not None and tuple(found) == (QueueState.RUNNING, worker, attempt)


def beat(session: Session, run_id: str, *, worker: str, attempt: int) -> bool:
    """Show that the holder lives; return whether it still holds the run."""
    held = session.execute(
        update(QueueRow)
        .where(
            QueueRow.run_id == run_id,
            QueueRow.worker == worker,
            QueueRow.attempt == attempt,
            QueueRow.state == QueueState.RUNNING,
        )
        .values(beats=QueueRow.beats + 1)
        .returning(QueueRow.run_id),
        execution_options={"synchronize_session": False},
    )
    return held.first() is not None


def give_back(session: Session, row: QueueRow) -> None:
    """Put a run back into the queue, where its model's turn and its own number place it."""
    row.state, row.worker, row.device = QueueState.QUEUED, None, None
    session.flush()


def end(
    session: Session, row: QueueRow, state: QueueState, *, error: str | None = None, now: datetime | None = None
) -> None:
    """Write down that an evaluation has ended, and how; the parts of its gates are not needed any more."""
    shards.forget(session, row.run_id)
    row.state, row.error, row.ended = state, error, now or datetime.now(UTC)
    session.flush()


def note(
    session: Session,
    row: QueueRow,
    kind: str,
    *,
    gate: str | None = None,
    detail: str | None = None,
    now: datetime | None = None,
) -> None:
    """Tell those who watch a run what happened."""
    query = select(func.max(QueueEventRow.number)).where(QueueEventRow.run_id == row.run_id)
    session.add(
        QueueEventRow(
            run_id=row.run_id,
            number=1 + (session.scalar(query) or 0),
            at=now or datetime.now(UTC),
            kind=kind,
            attempt=row.attempt,
            gate=gate,
            detail=detail,
        )
    )
    session.flush()


def events(session: Session, run_id: str, *, after: int = 0) -> list[QueueEventRow]:
    """Return what happened to a run after the event of that number, in order."""
    query = select(QueueEventRow).where(QueueEventRow.run_id == run_id, QueueEventRow.number > after)
    return list(session.scalars(query.order_by(QueueEventRow.number)))
