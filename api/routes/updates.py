"""Reading updates: where they stand, what was measured, what was decided and by whom."""

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from api.calls import Here, answer
from api.cursors import cursor_of, place_of
from api.finding import judged, nothing_wrong_with_the_payload, policy_or_none, seen_now, update_at
from api.guard import guarded_router
from api.permissions import sees_rows
from api.problems import Problem
from api.shapes.decisions import DecisionsOut
from api.shapes.evidence import EvidenceOut, FindingsOut, VerdictOut
from api.shapes.quarantine import FlaggedRowsOut, FlagOut, WaitingRowOut
from api.shapes.updates import RunOut, RunsOut, UpdateOut, UpdatesOut
from api.views import decision_out, findings_out, report_out, updates_out, verdict_out
from gatekeeper.core.states import State
from gatekeeper.pipeline.flagged_rows import flagged_rows, texts_of
from gatekeeper.store import approvals, runs
from gatekeeper.store.listing import Place, runs_of, updates_page

router = guarded_router()

Limit = Annotated[int, Query(ge=1, le=100, description="How many at most.")]
Named = Annotated[str | None, Query(max_length=256, pattern=r"^[^\x00]*$")]


@router.get("/v1/updates", response_model=UpdatesOut, summary="List updates", tags=["updates"])
def list_updates(
    call: Here,
    model: Named = None,
    state: Annotated[list[State] | None, Query(description="Repeatable.")] = None,
    proposer: Named = None,
    cursor: Annotated[str | None, Query(max_length=400)] = None,
    limit: Limit = 50,
) -> Response:
    """Return updates, newest first; what is proposed meanwhile does not shift later pages."""
    workspace = call.service.workspace
    after = None if cursor is None else place_of(cursor)
    with workspace.store.reading() as session:
        submitter = None if proposer is None else workspace.pseudonym(session, proposer) or "nobody"
        rows = updates_page(
            session, limit=limit + 1, model=model, states=tuple(state or ()), submitter=submitter, after=after
        )
        policy = policy_or_none(call)
        items = updates_out(session, rows[:limit], policy)
    last = rows[limit - 1] if len(rows) > limit else None
    following = None if last is None else cursor_of(Place(created=last.created, id=last.id))
    return answer(UpdatesOut(items=items, next=following))


@router.get("/v1/updates/{update_id}", response_model=UpdateOut, summary="One update", tags=["updates"])
def one_update(update_id: str, call: Here) -> Response:
    """Return an update; its ETag is what writes about it take as If-Match."""
    return answer(seen_now(call.service.workspace, call, update_id), tagged=True, call=call)


@router.get("/v1/updates/{update_id}/runs", response_model=RunsOut, summary="Its evaluations", tags=["updates"])
def list_runs(update_id: str, call: Here) -> Response:
    """Return the evaluations of an update, newest first."""
    with call.service.workspace.store.reading() as session:
        update_at(session, update_id)
        items = [
            RunOut(
                id=run.id,
                policy=run.policy_name,
                policy_digest=run.policy_digest,
                seed=run.seed,
                started=run.started,
                finished=run.finished,
            )
            for run in runs_of(session, update_id)
        ]
    return answer(RunsOut(items=items))


@router.get("/v1/updates/{update_id}/verdict", response_model=VerdictOut, summary="Its verdict", tags=["updates"])
def verdict(update_id: str, call: Here) -> Response:
    """Return what the policy decided in the newest run, with every rule's reason."""
    with call.service.workspace.store.reading() as session:
        row = update_at(session, update_id)
        run, decided = judged(session, row)
        return answer(verdict_out(row, run, decided))


@router.get("/v1/updates/{update_id}/evidence", response_model=EvidenceOut, summary="Its evidence", tags=["updates"])
def evidence(update_id: str, call: Here) -> Response:
    """Return what every gate of the newest run measured, as far as gates have reported."""
    with call.service.workspace.store.reading() as session:
        run = runs.newest(session, update_at(session, update_id).id)
        if run is None:
            raise Problem("not-found", "The update was never evaluated.", hint="POST /v1/updates/{update_id}/runs.")
        decided = runs.verdict(session, run.id)
        reports = [report_out(kept) for kept in runs.measured(session, run.id)]
    digest = None if decided is None else decided.evidence_digest
    return answer(EvidenceOut(run=run.id, evidence_digest=digest, reports=reports))


@router.get("/v1/updates/{update_id}/findings", response_model=FindingsOut, summary="Its findings", tags=["updates"])
def findings(
    update_id: str,
    call: Here,
    gate: Named = None,
    cursor: Annotated[str | None, Query(max_length=20, pattern=r"^[0-9]{1,9}$")] = None,
    limit: Limit = 50,
) -> Response:
    """Return what the gates of the newest run point at; who may not see rows sees neither subject nor message."""
    first = int(cursor or 0)
    with call.service.workspace.store.reading() as session:
        run, _verdict = judged(session, update_at(session, update_id))
        found = [
            each
            for report in runs.reports(session, run.id)
            if gate in (None, report.gate)
            for each in findings_out(report, sees_rows=sees_rows(call.caller.words))
        ]
    end = first + limit
    return answer(FindingsOut(run=run.id, items=found[first:end], next=str(end) if end < len(found) else None))


@router.get("/v1/updates/{update_id}/rows", response_model=FlaggedRowsOut, summary="Flagged rows", tags=["updates"])
def flagged(
    update_id: str,
    call: Here,
    cursor: Annotated[str | None, Query(max_length=20, pattern=r"^[0-9]{1,9}$")] = None,
    limit: Limit = 20,
) -> Response:
    """Return the training rows that gates flagged and why; which and what they say, to who may see flagged rows."""
    workspace, first, shown = call.service.workspace, int(cursor or 0), sees_rows(call.caller.words)
    with workspace.store.reading() as session:
        run, _verdict = judged(session, update_at(session, update_id))
    with nothing_wrong_with_the_payload():
        rows = flagged_rows(workspace, update_id)
        page = rows[first : first + limit]
        said = texts_of(workspace, update_id, [each.row for each in page]) if shown else {}
    items = [
        WaitingRowOut(
            number=number,
            row=each.row if shown else None,
            flags=[
                FlagOut(
                    gate=found.gate,
                    test=found.test,
                    id=found.id if shown else None,
                    reason=found.reason if shown else None,
                    release=found.release,
                )
                for found in each.findings
            ],
            record=said.get(each.row),
        )
        for number, each in enumerate(page, start=first + 1)
    ]
    end = first + limit
    return answer(FlaggedRowsOut(run=run.id, items=items, next=str(end) if end < len(rows) else None))


@router.get(
    "/v1/updates/{update_id}/approvals", response_model=DecisionsOut, summary="Its decisions", tags=["updates"]
)
def decisions(update_id: str, call: Here) -> Response:
    """Return every decision about an update, over all its runs, oldest first."""
    with call.service.workspace.store.reading() as session:
        update_at(session, update_id)
        items = [decision_out(session, row) for row in approvals.of_update(session, update_id)]
    return answer(DecisionsOut(items=items))
