"""Evaluations that a process carries by itself, and what becomes of them when that process is killed.

Each holds a lock of the operating system, which drops it with the process, in a file that the end of the run removes.
A file whose lock is free belongs to a process that died. Runs that workers carry have leases instead, and no file.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gatekeeper.core.states import State
from gatekeeper.pipeline.judge import abandon_in
from gatekeeper.pipeline.turns import turn
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import runs, updates


@contextmanager
def alive(workspace: Workspace, run_id: str) -> Iterator[None]:
    """Show, as long as this process lives, that a run is carried by it."""
    file = _lock_file(workspace, run_id)
    with turn(file):
        try:
            yield
        finally:
            file.unlink(missing_ok=True)


def end_dead_runs(workspace: Workspace) -> tuple[str, ...]:
    """Leave the updates ERRORED whose evaluation died with its process; return their ids.

    Only runs of this machine are seen: where several share the project folder, its file system has to pass locks on.
    """
    with workspace.store.reading() as session:
        going = [
            run
            for row in updates.in_state(session, State.EVALUATING)
            if (run := runs.latest(session, row.id)) is not None and run.finished is None
        ]
        left = [(run.update_id, run.id) for run in going]
    ended = []
    for update_id, run_id in left:
        file = _lock_file(workspace, run_id)
        if not file.exists():
            continue
        with turn(file) as free:
            if free:
                with workspace.store.transaction() as session:
                    abandon_in(session, update_id, run_id, error="ProcessDied")
                file.unlink(missing_ok=True)
                ended.append(update_id)
    return tuple(ended)


def _lock_file(workspace: Workspace, run_id: str) -> Path:
    return workspace.lock_file.parent / "running" / f"{run_id}.lock"
