"""From a request to a page: who is signed in, whether the form is theirs, what the page says, or why there is none.

The order of every page: the session; whether its token still counts; how often it calls; the form's word, where
something is sent; then the page. Whatever goes wrong is a page too, with the same title and text as over REST.
"""

from collections.abc import Callable, Coroutine, Mapping
from importlib.resources import files
from typing import Final

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from api.dashboard import door, log_in
from api.dashboard.forms import cookie, drop_cookie, fields_of
from api.dashboard.pages import approvals, fleet, ledger, lineage, signed_in, update, updates
from api.dashboard.pages import request as request_page
from api.dashboard.sessions import Session, same
from api.dashboard.showing import show_problem
from api.dashboard.visit import Refused, Visit
from api.identity import Caller
from api.problems import Problem, ProblemOut, request_id_of, response_for
from api.service import Service, log, service_of
from api.signed_in import caller_signed_in
from gatekeeper.core.errors import GatekeeperError
from gatekeeper.runtime.log import known_id, note

View = Callable[[Visit], Response]

_READ: Final[Mapping[str, View]] = {
    "/": fleet.fleet,
    "/approvals": approvals.approvals,
    "/updates": updates.updates,
    "/updates/{update_id}": update.update,
    "/updates/{update_id}/{action}": update.back,
    "/requests/{request_id}": request_page.request,
    "/requests/{request_id}/{action}": request_page.back,
    "/models/{model}": lineage.lineage,
    "/signed-in": signed_in.signed_in,
    "/ledger": ledger.ledger,
    "/ledger/{seq}": ledger.entry,
}
_SENT: Final[Mapping[str, View]] = {
    "/signed-in": signed_in.act,
    "/updates/{update_id}/{action}": update.decide,
    "/requests/{request_id}/{action}": request_page.decide,
}
_STATIC: Final = {
    "report.css": ("audits.reports", "templates/report.css", "text/css"),
    "dashboard.css": ("api.dashboard", "static/dashboard.css", "text/css"),
    "mark.svg": ("api.dashboard", "static/mark.svg", "image/svg+xml"),
}
_ENDED: Final = "Your session has ended. Sign in again."


class _SignInFirst(Exception):
    """Nobody is signed in."""

    def __init__(self, said: str) -> None:
        super().__init__(said)
        self.said = said


def routes() -> list[Route]:
    """Return every page there is."""
    return [
        Route("/sign-in", _sign_in, methods=["GET", "POST"]),
        Route("/sign-in/provider", _at_the_provider(log_in.begin), methods=["GET"]),
        Route("/sign-in/return", _at_the_provider(log_in.come_back), methods=["GET"]),
        Route("/sign-out", _sign_out, methods=["POST"]),
        Route("/static/{name}", _static, methods=["GET"]),
        *(Route(path, _page(view), methods=["GET"]) for path, view in _READ.items()),
        *(Route(path, _page(view), methods=["POST"]) for path, view in _SENT.items()),
    ]


def nothing_here(request: Request, error: Exception) -> Response:
    """Return the page for a path that there is not, or that does not do what was asked."""
    return show_problem(_visitor(request), _problem_of(request, error))


def _page(view: View) -> Callable[[Request], Coroutine[object, object, Response]]:
    async def answer(request: Request) -> Response:
        body = await request.body() if request.method == "POST" else None
        return await run_in_threadpool(_answered, request, body, view)

    return answer


def _answered(request: Request, body: bytes | None, view: View) -> Response:
    visit: Visit | None = None
    try:
        visit = _visit(request, body)
        return view(visit)
    except _SignInFirst as first:
        if not first.said:
            return door.to_the_door(request)
        response = door.sign_in_page(request, service_of(request), said=first.said, status=401)
        drop_cookie(request, response, door.SESSION)
        return response
    except Refused as refused:
        return show_problem(visit, refused.problem)
    except (Problem, GatekeeperError) as error:
        return show_problem(visit or _visitor(request), _problem_of(request, error))
    except Exception as error:  # noqa: BLE001  # a fault of ours is a page too, without details
        log.exception("page %s failed", request_id_of(request))
        return show_problem(visit, _problem_of(request, error))


def _visit(request: Request, body: bytes | None) -> Visit:
    """Return who looks at what.

    Raises:
        _SignInFirst: nobody whose session and token count.
        Problem: they call too often, or the form is not their own.
    """
    session, caller = _signed_in(request)
    note(token=caller.token, update=known_id(request.path_params.get("update_id")))
    form = {} if body is None else fields_of(request, body)
    service = service_of(request)
    service.rates.called(caller.token, writes=body is not None)
    if body is not None and not same(form.get("word", ""), session.word):
        raise Problem("not-allowed", "The form is not from your session.", hint="Open the page again, and send it.")
    return Visit(
        service=service,
        caller=caller,
        session=session,
        request_id=request_id_of(request),
        path=request.url.path,
        named={name: str(value) for name, value in request.path_params.items()},
        query=dict(request.query_params),
        form=form,
    )


def _signed_in(request: Request) -> tuple[Session, Caller]:
    service, id_ = service_of(request), cookie(request, door.SESSION)
    session = service.sessions.find(id_)
    if session is None:
        raise _SignInFirst(_ENDED if id_ else "")
    caller = caller_signed_in(service.workspace, session, service.settings.lone)
    if caller is None:
        service.sessions.end(id_)
        raise _SignInFirst(_ENDED)
    return session, caller


def _visitor(request: Request) -> Visit | None:
    """Return who looks, where anybody is signed in who may."""
    try:
        return _visit(request, None)
    except (_SignInFirst, Problem, GatekeeperError):
        return None


async def _sign_in(request: Request) -> Response:
    if request.method == "POST":
        body = await request.body()
        return await run_in_threadpool(_sign_in_sent, request, body)
    return await run_in_threadpool(_sign_in_asked, request)


def _sign_in_asked(request: Request) -> Response:
    service = service_of(request)
    try:
        if service.sessions.find(cookie(request, door.SESSION)) is not None:
            return RedirectResponse("/", status_code=303)
    except GatekeeperError as error:
        return show_problem(None, _problem_of(request, error))
    return door.sign_in_page(request, service, onward=request.query_params.get("onward", "/"))


def _at_the_provider(act: Callable[[Request, Service], Response]) -> Callable[[Request], Response]:
    def answer(request: Request) -> Response:
        try:
            return act(request, service_of(request))
        except (Problem, GatekeeperError) as error:
            return show_problem(None, _problem_of(request, error))

    return answer


def _sign_in_sent(request: Request, body: bytes) -> Response:
    try:
        return door.sign_in(request, service_of(request), fields_of(request, body))
    except (Problem, GatekeeperError) as error:
        return show_problem(None, _problem_of(request, error))


async def _sign_out(request: Request) -> Response:
    def leave(visit: Visit) -> Response:
        return door.sign_out(request, visit)

    return await run_in_threadpool(_answered, request, await request.body(), leave)


def _static(request: Request) -> Response:
    package, name, media_type = _STATIC.get(request.path_params["name"], ("", "", ""))
    if not package:
        return nothing_here(request, Problem("not-found", "There is no such file."))
    return Response(files(package).joinpath(*name.split("/")).read_bytes(), media_type=media_type)


def _problem_of(request: Request, error: Exception) -> ProblemOut:
    return ProblemOut.model_validate_json(bytes(response_for(error, request_id_of(request)).body))
