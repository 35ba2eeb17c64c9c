"""How far an evaluation is, as server-sent events: of one in this process, or of one that workers have."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Final, TypeAlias

from fastapi import Header
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from api.calls import Call, Here
from api.finding import update_at
from api.guard import guarded_router
from api.problems import Problem
from api.progress import Evaluation, Told
from gatekeeper.store import queue
from gatekeeper.store.tables import QueueEventRow

router = guarded_router()

Source: TypeAlias = Callable[[int], Awaitable[tuple[list[Told], bool]]]
"""Gives the events after a number, and whether the last one is among all there are."""

_MEDIA: Final = "text/event-stream"
_LOOK_EVERY: Final = 0.2
"""Seconds between two looks at an evaluation of this process."""
_ASK_EVERY: Final = 1.0
"""Seconds between two questions to the database."""
_EVENT: Final = {
    "type": "object",
    "required": ["id", "event", "data"],
    "properties": {
        "id": {"type": "string", "pattern": "^[0-9]+$"},
        "event": {
            "enum": [
                *("gates", "gate-started", "gate-ended", "gates-skipped", "items", "ended"),
                *("queued", "taken", "taken-over", "handed-back", "gate-kept"),
                *("cancel-asked", "cancelled", "failed", "done"),
            ]
        },
        "data": {"type": "string", "contentMediaType": "application/json"},
    },
}
_SAY_SOMETHING_EVERY: Final = 15.0
"""Seconds of silence after which a comment keeps the connection open."""
_MOST_AT_ONCE: Final = 100


@router.get(
    "/v1/updates/{update_id}/events",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/event-stream": {"schema": _EVENT}}}},
    summary="How far its evaluation is",
    tags=["updates"],
)
async def events(
    update_id: str,
    call: Here,
    last_event_id: Annotated[str | None, Header(max_length=12, pattern=r"^[0-9]{1,9}$")] = None,
) -> Response:
    """Stream what the newest evaluation of an update tells until it ends, here or with a worker."""
    run_id = await run_in_threadpool(_queued, call, update_id)
    found = call.service.board.find(update_id)
    if found is None and run_id is None:
        raise Problem("not-found", "No evaluation of this update goes on here.", hint="GET /v1/updates/{update_id}.")
    if call.service.listening >= _MOST_AT_ONCE:
        raise Problem("busy", "Too many listen already.", hint="GET /v1/updates/{update_id} now and then.")
    heard = int(last_event_id or 0)
    if found is not None:
        return StreamingResponse(_stream(call, _here(found), heard, every=_LOOK_EVERY), media_type=_MEDIA)
    if run_id is None:
        raise RuntimeError("nothing to listen to")
    away = _away(call, update_id, run_id)
    return StreamingResponse(_stream(call, away, heard, every=_ASK_EVERY), media_type=_MEDIA)


def _queued(call: Call, update_id: str) -> str | None:
    """Return the newest evaluation of an update that was left to workers; ``None`` where there is none."""
    with call.service.workspace.store.reading() as session:
        update_at(session, update_id)
        return queue.newest_of(session, update_id)


def _here(evaluation: Evaluation) -> Source:
    async def after(number: int) -> tuple[list[Told], bool]:
        return evaluation.after(number)

    return after


def _away(call: Call, update_id: str, run_id: str) -> Source:
    """Return what reads the queue's own events, which workers on any machine write."""

    def read(number: int) -> tuple[list[Told], bool]:
        workspace = call.service.workspace
        with workspace.store.reading() as session:
            ended = queue.require(session, run_id).state not in queue.GOING
            rows = queue.events(session, run_id)
            state = update_at(session, update_id).state.value
        told = [Told(number=row.number, name=row.kind, data=_facts(row)) for row in rows]
        if ended:
            last = told[-1].number if told else 0
            told.append(Told(number=last + 1, name="ended", data={"run": run_id, "state": state}))
        return [each for each in told if each.number > number], ended

    async def after(number: int) -> tuple[list[Told], bool]:
        return await run_in_threadpool(read, number)

    return after


def _facts(row: QueueEventRow) -> dict[str, object]:
    facts = {"run": row.run_id, "attempt": row.attempt, "gate": row.gate, "detail": row.detail}
    return {name: value for name, value in facts.items() if value is not None}


async def _stream(call: Call, after: Source, heard: int, *, every: float) -> AsyncIterator[str]:
    silent = 0.0
    call.service.listening += 1
    try:
        while True:
            told, ended = await after(heard)
            for each in told:
                heard, silent = each.number, 0.0
                yield _text(each)
            if ended:
                return
            await asyncio.sleep(every)
            silent += every
            if silent >= _SAY_SOMETHING_EVERY:
                silent = 0.0
                yield ": still going on\n\n"
    finally:
        call.service.listening -= 1


def _text(told: Told) -> str:
    return f"id: {told.number}\nevent: {told.name}\ndata: {json.dumps(told.data, sort_keys=True)}\n\n"
