"""What is seen of every request from outside: a span, figures, and one line in the log.

Routes stand for paths everywhere, so that no id and no name of a model becomes a figure's label or a span's name.
Health checks and pages' own files make no span and no line.
"""

import json
import logging
import time
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.metering import ServiceMetrics
from gatekeeper.core.spans import Fact, Span, span
from gatekeeper.core.traceparent import TraceParent
from gatekeeper.runtime.log import noting

log: Final = logging.getLogger("gatekeeper.api.requests")

_QUIET: Final = ("/healthz", "/readyz", "/metrics", "/static/")
_PROBLEM: Final = b"application/problem+json"


class Observed:
    """Watches what passes, and changes nothing."""

    def __init__(self, app: ASGIApp, *, metrics: ServiceMetrics) -> None:
        self._app, self._metrics = app, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request be answered."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        with noting():
            if scope["path"].startswith(_QUIET):
                await self._watched(scope, receive, send, None)
                return
            parent = _parent(scope)
            with span("http.request", parent=parent, **{"http.request.method": scope["method"]}) as seen:
                await self._watched(scope, receive, send, seen)

    async def _watched(self, scope: Scope, receive: Receive, send: Send, seen: Span | None) -> None:
        began = time.perf_counter()
        status, seconds, refused = 500, 0.0, False

        async def outward(message: Message) -> None:
            nonlocal status, seconds, refused
            if message["type"] == "http.response.start":
                status, seconds = message["status"], time.perf_counter() - began
                refused = status >= 400 and _is_problem(message)
            elif refused and message.get("body"):
                refused = False
                self._metrics.refused(_code(message["body"]))
            await send(message)

        self._metrics.in_flight.inc()
        try:
            await self._app(scope, receive, outward)
        finally:
            self._metrics.in_flight.dec()
            seconds = seconds or time.perf_counter() - began
            path = getattr(scope.get("route"), "path", None)
            self._metrics.answered(scope["method"], path, status, seconds)
            if seen is not None:
                _say(scope, path, status, seconds, seen)


def _say(scope: Scope, path: str | None, status: int, seconds: float, seen: Span) -> None:
    route = path or "none"
    facts: dict[str, Fact] = {
        "name": f"{scope['method']} {route}",
        "request": str(scope.get("gatekeeper.request_id", "")),
        "http.route": route,
        "http.response.status_code": status,
    }
    seen.tell(**facts)
    if log.isEnabledFor(logging.INFO):
        ids = {"method": scope["method"], "route": route, "status": status, "seconds": round(seconds, 4)}
        log.info("answered", extra=ids)


def _parent(scope: Scope) -> str | None:
    """Return the caller's ``traceparent`` where exactly one is sent and it is one."""
    sent = [value for name, value in scope["headers"] if name == b"traceparent"]
    if len(sent) != 1:
        return None
    read = TraceParent.read(sent[0].decode("latin-1"))
    return None if read is None else str(read)


def _is_problem(message: Message) -> bool:
    return any(name.lower() == b"content-type" and value.startswith(_PROBLEM) for name, value in message["headers"])


def _code(body: bytes) -> str:
    try:
        return str(json.loads(body)["type"]).rpartition(":")[2]
    except (ValueError, KeyError, TypeError):
        return ""
