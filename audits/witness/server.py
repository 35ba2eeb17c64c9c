"""The witness over HTTP: ``POST /add-checkpoint``, and ``GET /checkpoint/SHA256-OF-ORIGIN`` for whoever keeps watch.

Plain HTTP: what protects a request is the log's signature in it, and an answer the witness's. A body that is too large
or too slow is refused before it is judged.
"""

import asyncio
import socket
from typing import Final

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from audits.witness.judge import Answer, Witness
from audits.witness.wire import MOST_BYTES, PATH
from gatekeeper.core.errors import UsageError

_PATIENCE: Final = 20
"""Seconds that a request's body may take."""
_BACKLOG: Final = 64
_MOST_AT_ONCE: Final = 64


def create_app(witness: Witness) -> Starlette:
    """Return the application of one witness."""

    async def add_checkpoint(request: Request) -> Response:
        try:
            async with asyncio.timeout(_PATIENCE):
                body = await _body(request)
        except TimeoutError:
            return Response("The request took too long.\n", status_code=408)
        except ClientDisconnect:
            return Response(status_code=400)
        if body is None:
            return Response("The request is too large.\n", status_code=413)
        answer = await run_in_threadpool(witness.add_checkpoint, body)
        return _response(answer)

    async def checkpoint(request: Request) -> Response:
        note = witness.last_note(request.path_params["origin"])
        if note is None:
            return Response("Nothing was cosigned of that log.\n", status_code=404)
        return Response(note, media_type="text/plain; charset=utf-8")

    return Starlette(
        routes=[
            Route(PATH, add_checkpoint, methods=["POST"]),
            Route("/checkpoint/{origin}", checkpoint, methods=["GET"]),
        ]
    )


def listen(address: str) -> socket.socket:
    """Return a socket that listens at ``HOST:PORT``; port 0 takes a free one.

    Raises:
        UsageError: the address is none, or it is taken.
    """
    host, colon, port = address.rpartition(":")
    if not colon or not host or not port.isdecimal() or int(port) > 0xFFFF:
        raise UsageError(f"{address!r} is no address to listen at.", hint="One reads 127.0.0.1:8787.")
    host = host.removeprefix("[").removesuffix("]")
    try:
        family, kind, protocol, _, bound = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(bound)
        listener.listen(_BACKLOG)
    except OSError as error:
        raise UsageError(f"Nothing can listen at {address}: {error.strerror}.", hint="Choose another port.") from error
    return listener


def serve(witness: Witness, listener: socket.socket) -> None:
    """Answer requests until the process is told to end."""
    config = uvicorn.Config(
        create_app(witness),
        log_level="warning",
        access_log=False,
        server_header=False,
        limit_concurrency=_MOST_AT_ONCE,
        lifespan="off",
    )
    uvicorn.Server(config).run(sockets=[listener])


async def _body(request: Request) -> bytes | None:
    """Return the request's body; ``None`` when it is too large."""
    parts = bytearray()
    async for part in request.stream():
        parts += part
        if len(parts) > MOST_BYTES:
            return None
    return bytes(parts)


def _response(answer: Answer) -> Response:
    return Response(answer.body, status_code=answer.status, headers={"content-type": answer.media_type})
