"""Sending an adapter, or the rows it was trained on, to be proposed.

The body is the file itself. It is written to disk as it arrives, and is nothing that anybody can name until all of it
was looked at. A connection that breaks, or takes too long, leaves nothing behind.
"""

import asyncio
from typing import Annotated, Final

from fastapi import Path as InPath
from fastapi import Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect
from starlette.responses import Response

from api.calls import Call, Here, answer, call_about
from api.guard import guarded_router
from api.problems import Problem
from api.service import Service
from api.shapes.uploads import UploadOut, UploadRemovedOut, UploadsOut
from gatekeeper.core.digests import Digest
from gatekeeper.core.errors import InputError, UsageError
from gatekeeper.pipeline.uploads.depot import Depot, Draft
from gatekeeper.pipeline.uploads.keep import Announced, keep, remove, require_room
from gatekeeper.store import uploads
from gatekeeper.store.tables import UploadFormat, UploadKind, UploadRow

router = guarded_router()

_TYPE: Final = "application/octet-stream"
_AT_A_TIME: Final = 1 << 20
_BODY: Final = {
    "requestBody": {"required": True, "content": {_TYPE: {"schema": {"type": "string", "format": "binary"}}}}
}

DigestOf = Annotated[str, Query(pattern=r"^sha256:[0-9a-f]{64}$", description="SHA-256 of the file.")]


@router.post(
    "/v1/uploads",
    response_model=UploadOut,
    status_code=201,
    summary="Send a file",
    tags=["uploads"],
    openapi_extra=_BODY,
)
async def upload(
    request: Request,
    digest: DigestOf,
    format: Annotated[UploadFormat, Query()],
    kind: Annotated[UploadKind, Query()] = UploadKind.ARTIFACT,
) -> Response:
    """Take a file in: an archive of an adapter, or training rows. Propose it as `upload:DIGEST` within its time."""
    call = call_about(request, digest)
    depot = _depot(call.service)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != _TYPE:
        raise Problem("payload", f"The body is the file itself, as {_TYPE}.", hint="Send it with that Content-Type.")
    announced = Announced(digest=Digest(digest), kind=kind, packed=format)
    with call.service.uploading(call.caller.holder):
        await run_in_threadpool(_require_room, call, depot)
        draft = await run_in_threadpool(Draft, depot)
        try:
            await _receive(request, draft, call.service.settings.upload_seconds)
            return await run_in_threadpool(_keep, call, depot, draft, announced)
        finally:
            draft.discard()


@router.get("/v1/uploads", response_model=UploadsOut, summary="List uploads", tags=["uploads"])
def list_uploads(call: Here) -> Response:
    """Return one's own uploads, newest first."""
    depot = _depot(call.service)
    workspace = call.service.workspace
    with workspace.store.reading() as session:
        holder = workspace.pseudonym(session, call.caller.principal.name)
        rows = [] if holder is None else uploads.of_holder(session, holder)
    return answer(
        UploadsOut(
            items=[_out(row) for row in rows],
            most_bytes=depot.most_bytes,
            most_uploads=depot.most_uploads,
            left=max(0, depot.most_held - sum(row.unpacked for row in rows)),
        )
    )


@router.post("/v1/uploads/{digest}/remove", response_model=UploadRemovedOut, summary="Remove", tags=["uploads"])
def take_away(digest: Annotated[str, InPath(pattern=r"^sha256:[0-9a-f]{64}$")], call: Here) -> Response:
    """Take one's own upload away. What was proposed from it stays: a proposal has a copy of its own."""

    def act() -> Response:
        try:
            remove(call.service.workspace, _depot(call.service), digest, person=call.caller.principal.name)
        except UsageError as error:
            raise Problem("not-found", error.message, hint=error.hint) from error
        return answer(UploadRemovedOut(digest=digest))

    return call.once(act)


async def _receive(request: Request, draft: Draft, seconds: float) -> None:
    """Write the body down as it arrives.

    Raises:
        Problem: it is too long, ends early, or takes too long.
    """
    waiting = bytearray()
    try:
        async with asyncio.timeout(seconds):
            async for chunk in request.stream():
                waiting += chunk
                if len(waiting) >= _AT_A_TIME:
                    await run_in_threadpool(draft.write, bytes(waiting))
                    waiting.clear()
        await run_in_threadpool(draft.write, bytes(waiting))
    except TimeoutError as error:
        raise Problem("payload", f"The upload took longer than {seconds:g} seconds.", hint="Send it again.") from error
    except ClientDisconnect as error:
        raise Problem("payload", "The upload ended before its end.", hint="Send it again.") from error
    except InputError as error:
        raise Problem("too-large", error.message, hint=error.hint) from error


def _require_room(call: Call, depot: Depot) -> None:
    require_room(call.service.workspace, depot, call.caller.principal.name)


def _keep(call: Call, depot: Depot, draft: Draft, announced: Announced) -> Response:
    def act() -> Response:
        row = keep(call.service.workspace, depot, draft, announced, person=call.caller.principal.name)
        return answer(_out(row), status=201)

    return call.once(act)


def _depot(service: Service) -> Depot:
    depot = service.settings.depot
    if depot is None:
        raise Problem("state", "This service takes no files.", hint="Name a registered version.")
    return depot


def _out(row: UploadRow) -> UploadOut:
    return UploadOut(
        reference=f"upload:{row.digest}",
        digest=row.digest,
        kind=row.kind.value,
        format=row.format.value,
        size=row.size,
        unpacked=row.unpacked,
        files=row.files,
        uploaded=row.uploaded,
        expires=row.expires,
    )
