"""The pages beside the routes: who answers a request, behind the same edges, with a policy for browsers.

Paths that a page has go to the pages. Everything else goes to the routes, but for the root, and for what neither
knows, where a browser asks: it is shown the fleet, or told so on a page.
"""

from typing import Final

from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.dashboard.answering import nothing_here, routes
from api.dashboard.rendering import POLICY
from api.edges import Edges
from api.service import Service

_ROUTES: Final = frozenset({"v1", "healthz", "readyz", "metrics"})
"""First parts of paths that are never a page."""


class Dashboard:
    """Answers with pages where there are some, and passes everything else on."""

    def __init__(self, app: ASGIApp, *, service: Service) -> None:
        pages = Starlette(routes=routes(), exception_handlers={404: nothing_here, 405: nothing_here})
        pages.state.service = service
        self._app = app
        self._pages = _ForBrowsers(Edges(pages, most_bytes=service.settings.most_bytes))
        self._firsts = {route.path.split("/")[1] for route in routes()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or let it be answered."""
        await (self._pages if self._is_page(scope) else self._app)(scope, receive, send)

    def _is_page(self, scope: Scope) -> bool:
        if scope["type"] != "http":
            return False
        first = scope["path"].split("/")[1] if "/" in scope["path"] else ""
        if first and first in self._firsts:
            return True
        return first not in _ROUTES and "text/html" in Request(scope).headers.get("accept", "")


class _ForBrowsers:
    """Puts the pages' own content security policy in the place of the routes', which lets browsers show nothing."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def outward(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)["Content-Security-Policy"] = POLICY
            await send(message)

        await self._app(scope, receive, outward)
