"""How far an evaluation is, as server-sent events."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated, Final

from fastapi import Header
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response, StreamingResponse

from api.calls import Call, Here
from api.finding import update_at
from api.guard import guarded_router
from api.problems import Problem
from api.progress import Evaluation, Told

router = guarded_router()

_LOOK_EVERY: Final = 0.2
"""Seconds."""
_EVENT: Final = {
    "type": "object",
    "required": ["id", "event", "data"],
    "properties": {
        "id": {"type": "string", "pattern": "^[0-9]+$"},
        "event": {"enum": ["gates", "gate-started", "gate-ended", "gates-skipped", "items", "ended"]},
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
    """Stream what the evaluation of an update tells until it ends: one that goes on here, or the last that did."""
    await run_in_threadpool(_require, call, update_id)
    found = call.service.board.find(update_id)
    if found is None:
        raise Problem("not-found", "No evaluation of this update goes on here.", hint="GET /v1/updates/{update_id}.")
    if call.service.listening >= _MOST_AT_ONCE:
        raise Problem("busy", "Too many listen already.", hint="GET /v1/updates/{update_id} now and then.")
    return StreamingResponse(_stream(call, found, int(last_event_id or 0)), media_type="text/event-stream")


def _require(call: Call, update_id: str) -> None:
    with call.service.workspace.store.reading() as session:
        update_at(session, update_id)


async def _stream(call: Call, evaluation: Evaluation, heard: int) -> AsyncIterator[str]:
    silent = 0.0
    call.service.listening += 1
    try:
        while True:
            told, ended = evaluation.after(heard)
            for each in told:
                heard, silent = each.number, 0.0
                yield _text(each)
            if ended:
                return
            await asyncio.sleep(_LOOK_EVERY)
            silent += _LOOK_EVERY
            if silent >= _SAY_SOMETHING_EVERY:
                silent = 0.0
                yield ": still going on\n\n"
    finally:
        call.service.listening -= 1


def _text(told: Told) -> str:
    return f"id: {told.number}\nevent: {told.name}\ndata: {json.dumps(told.data, sort_keys=True)}\n\n"
