"""The runtime's port over the application database: whoever asks needs no worker, and no worker need be there yet."""

from gatekeeper.core.spans import here
from gatekeeper.core.states import State, require_move
from gatekeeper.pipeline.judge import abandon_in
from gatekeeper.runtime.port import RunEvent, RunStatus
from gatekeeper.store import queue, updates
from gatekeeper.store.database import Store
from gatekeeper.store.tables import QueueRow, QueueState
from policies.policy import Policy, normal_form


class StoredRuntime:
    """Queues evaluations for the workers of an installation."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def enqueue(self, update_id: str, policy: Policy) -> str:
        """Put the evaluation into the queue."""
        with self._store.transaction() as session:
            row = updates.require(session, update_id)
            if (going := queue.going_of(session, update_id)) is not None:
                return going.run_id
            require_move(row.state, State.EVALUATING)
            added = queue.add(
                session, update_id=row.id, model=row.model, policy=normal_form(policy), policy_digest=policy.digest
            )
            queue.note(session, added, "queued", detail=here())
        return added.run_id

    def status(self, run_id: str) -> RunStatus:
        """Read the row."""
        with self._store.reading() as session:
            return _status(queue.require(session, run_id))

    def cancel(self, run_id: str) -> RunStatus:
        """End it at once where no worker has it; tell its worker otherwise."""
        with self._store.transaction() as session:
            row = queue.require(session, run_id)
            if row.state in queue.GOING and not row.cancelled:
                row.cancelled = True
                queue.note(session, row, "cancel-asked")
            if row.state is QueueState.QUEUED:
                abandon_in(session, row.update_id, run_id, error="Cancelled")
                queue.end(session, row, QueueState.CANCELLED)
                queue.note(session, row, "cancelled")
            return _status(row)

    def events(self, run_id: str, after: int = 0) -> tuple[RunEvent, ...]:
        """Read the events."""
        with self._store.reading() as session:
            return tuple(
                RunEvent(
                    number=row.number,
                    at=row.at,
                    kind=row.kind,
                    attempt=row.attempt,
                    gate=row.gate,
                    detail=row.detail,
                )
                for row in queue.events(session, run_id, after=after)
            )

    def going(self) -> tuple[RunStatus, ...]:
        """Read the rows."""
        with self._store.reading() as session:
            return tuple(_status(row) for row in queue.going(session))


def _status(row: QueueRow) -> RunStatus:
    return RunStatus(
        run_id=row.run_id,
        update_id=row.update_id,
        model=row.model,
        state=row.state,
        attempt=row.attempt,
        worker=row.worker,
        device=row.device,
        cancelling=row.cancelled and row.state in queue.GOING,
        error=row.error,
    )
