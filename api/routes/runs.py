"""Evaluating an update, watching one evaluation, and ending it."""

from typing import Annotated, Literal, TypeAlias, cast

from fastapi import Header
from starlette.responses import Response

from api.calls import Call, Here, answer
from api.finding import nothing_wrong_with_the_payload, require_seen, seen_now, update_at
from api.guard import guarded_router
from api.problems import Problem
from api.runner import queued
from api.shapes.runs import RunStateOut
from api.shapes.updates import UpdateOut
from api.views import Outcome
from gatekeeper.core.states import State, require_move
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.runtime.port import RunStatus
from gatekeeper.store import runs
from gatekeeper.store.tables import QueueState, RunRow

router = guarded_router()

Word: TypeAlias = Literal["QUEUED", "RUNNING", "DONE", "FAILED", "CANCELLED"]
Prefer = Annotated[
    str | None,
    Header(
        max_length=200,
        pattern=r"^[ -~]*$",
        description="`respond-async`: answer at once. Where workers evaluate, that is always so.",
    ),
]

_ASYNC = "respond-async"


@router.post(
    "/v1/updates/{update_id}/runs",
    response_model=UpdateOut,
    status_code=201,
    responses={202: {"model": RunStateOut, "description": "It was begun; `Location` says where it can be watched."}},
    summary="Evaluate an update",
    tags=["runs"],
)
def evaluate(update_id: str, call: Here, prefer: Prefer = None) -> Response:
    """Run the gates and let the policy decide: answer at once, or, where this process evaluates, with the verdict."""

    def act() -> Response:
        workspace, policy, runner = call.service.settled(), call.service.policy(), call.service.runner
        with call.service.turn(update_id):
            require_seen(workspace, call, update_id, None)
            with nothing_wrong_with_the_payload():
                with workspace.store.reading() as session:
                    row = update_at(session, update_id)
                require_move(row.state, State.EVALUATING)
                run_id = runner.start(
                    workspace, update_id, row.model, policy, lambda: call.service.board.open(update_id)
                )
        if not runner.waits or _wants_no_wait(prefer):
            headers = {"Location": f"/v1/updates/{update_id}/runs/{run_id}", "Preference-Applied": _ASYNC}
            return answer(_run(workspace, call, update_id, run_id), status=202, headers=headers)
        with nothing_wrong_with_the_payload():
            runner.wait(run_id)
        judged = seen_now(workspace, call, update_id)
        return answer(judged, status=201, tagged=True, headers={"Location": f"/v1/updates/{update_id}/verdict"})

    return call.once(act)


@router.get(
    "/v1/updates/{update_id}/runs/{run_id}", response_model=RunStateOut, summary="One evaluation", tags=["runs"]
)
def one_run(update_id: str, run_id: str, call: Here) -> Response:
    """Return where an evaluation stands."""
    return answer(_run(call.service.workspace, call, update_id, run_id))


@router.post(
    "/v1/updates/{update_id}/runs/{run_id}/cancel",
    response_model=RunStateOut,
    summary="End an evaluation",
    tags=["runs"],
)
def cancel(update_id: str, run_id: str, call: Here) -> Response:
    """Ask for its end without a verdict; its update can be evaluated again. Harmless where it has ended."""

    def act() -> Response:
        workspace = call.service.workspace
        if _run(workspace, call, update_id, run_id).state in {"QUEUED", "RUNNING"} and not call.service.runner.cancel(
            workspace, run_id
        ):
            raise Problem("state", f"Run {run_id} goes on in another process.", hint="End it there.")
        return answer(_run(workspace, call, update_id, run_id))

    return call.once(act)


def _wants_no_wait(prefer: str | None) -> bool:
    return any(each.strip().lower().partition(";")[0] == _ASYNC for each in (prefer or "").split(","))


def _run(workspace: Workspace, call: Call, update_id: str, run_id: str) -> RunStateOut:
    """Return where a run of an update stands: as who carries it says, else as it was written down.

    Raises:
        Problem: there is no such run.
    """
    if "\x00" in run_id:
        raise _no_run()
    status = call.service.runner.status(workspace, run_id) or queued(workspace, run_id)
    with workspace.store.reading() as session:
        update_at(session, update_id)
        run = runs.find(session, run_id)
        verdict = None if run is None else runs.verdict(session, run_id)
    if (status is None and run is None) or update_id not in {
        None if status is None else status.update_id,
        None if run is None else run.update_id,
    }:
        raise _no_run()
    return RunStateOut(
        id=run_id,
        update=update_id,
        state=_state(status, run, judged=verdict is not None),
        cancelling=status is not None and status.cancelling,
        attempt=1 if status is None else status.attempt,
        outcome=None if verdict is None else cast("Outcome", verdict.outcome.name),
        error=None if status is None else status.error,
        started=None if run is None else run.started,
        finished=None if run is None else run.finished,
    )


def _state(status: RunStatus | None, run: RunRow | None, *, judged: bool) -> Word:
    if status is not None:
        return QueueState(status.state).value
    if judged:
        return "DONE"
    return "RUNNING" if run is not None and run.finished is None else "FAILED"


def _no_run() -> Problem:
    return Problem("not-found", "The update has no such run.", hint="GET /v1/updates/{update_id}/runs lists them.")
