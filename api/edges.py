"""What every request passes on its way in and out: an id, a limit on its length, headers that keep browsers out."""

import re
import secrets
from collections.abc import Mapping
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.problems import Problem, response_for
from api.service import log
from gatekeeper.runtime.log import note

_ID: Final = re.compile(r"[A-Za-z0-9._-]{8,64}")

HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
"""On every answer. ``Strict-Transport-Security`` belongs to whoever ends TLS in front of the service."""


class Edges:
    """Gives every request an id, refuses bodies that are too long, and puts the headers on every answer."""

    def __init__(self, app: ASGIApp, *, most_bytes: int, longer: Mapping[tuple[str, str], int] | None = None) -> None:
        self._app = app
        self._most = most_bytes
        self._longer = longer or {}
        """Method and path of requests that may be longer, and how long."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        given = request.headers.get("x-request-id", "")
        request_id = given if _ID.fullmatch(given) else secrets.token_hex(16)
        scope["gatekeeper.request_id"] = request_id
        note(request=request_id)
        most = self._longer.get((scope["method"], scope["path"]), self._most)
        begun = False
        received = 0

        async def outward(message: Message) -> None:
            nonlocal begun
            if message["type"] == "http.response.start":
                begun = True
                headers = MutableHeaders(scope=message)
                for name, value in {**HEADERS, "X-Request-Id": request_id}.items():
                    headers[name] = value
            await send(message)

        async def inward() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            if received > most:
                # The framework turns any other error into a body that cannot be read.
                raise HTTPException(413)
            return message

        try:
            length = request.headers.get("content-length", "0")
            if not length.isdecimal() or int(length) > most:
                raise _too_large(most)
            await self._app(scope, inward, outward)
        except Problem as error:
            if begun:
                raise
            await response_for(error, request_id)(scope, receive, outward)
        except Exception as error:
            log.exception("request %s failed", request_id)
            if begun:
                raise
            await response_for(error, request_id)(scope, receive, outward)


def _too_large(most: int) -> Problem:
    return Problem("too-large", f"A request holds {most} bytes at most.", hint="Leave larger files to the registry.")
