"""A route that finds out who calls before anything of the request is read."""

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from api.identity import Caller, caller_of
from api.permissions import Route, may, route_for
from api.problems import Problem
from api.service import PRESENT, Present, Service, service_of
from api.signed_in import federated
from api.threads import EXECUTOR, in_thread, threaded
from gatekeeper.runtime.log import known_id, note


class Guarded(APIRoute):
    """A route of the table of permissions; one that the table does not name cannot be made."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **more: Any) -> None:
        super().__init__(path, threaded(endpoint), **more)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers, after the question who calls.

        Raises:
            RuntimeError: the table does not name this route.
        """
        (method,) = self.methods or set()
        route = route_for(method, self.path_format)
        answer = super().get_route_handler()
        if route.roles is None:
            return answer

        async def guarded(request: Request) -> Response:
            service = service_of(request)
            EXECUTOR.set(service.executor)
            PRESENT.set(Present(service))
            request.state.caller = await in_thread(_admitted, request, route)
            note(token=request.state.caller.token, update=known_id(request.path_params.get("update_id")))
            return await answer(request)

        return guarded


def guarded_router() -> APIRouter:
    """Return a router whose routes are all guarded; each names its whole path."""
    return APIRouter(route_class=Guarded)


def _admitted(request: Request, route: Route) -> Caller:
    """Return who calls.

    Raises:
        Problem: nobody whose token counts, somebody who may not, or somebody who calls too often.
    """
    service = service_of(request)
    caller = _authenticated(service, request)
    service.rates.called(caller.token, writes=route.writes)
    if not may(caller.words, route):
        raise Problem(
            "not-allowed",
            f"This token may not {route.method} {route.path}.",
            hint="It takes one of the roles " + ", ".join(sorted(route.roles or ())) + ".",
        )
    return caller


def _authenticated(service: Service, request: Request) -> Caller:
    """Return who calls. Whoever has a token that counts is never kept waiting by others who have none.

    Raises:
        Problem: no token counts.
    """
    authorization = request.headers.get("authorization")
    try:
        return federated(service, authorization) or caller_of(service.workspace, authorization, service.settings.lone)
    except Problem:
        service.rates.failed(request.client.host if request.client is not None else "unknown")
        raise
