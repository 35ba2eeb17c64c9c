"""Signing in with a token, or by way of the provider, and out again.

The form carries a word that belongs to a cookie of this browser, so that no other site can sign somebody in as
somebody else. A token of a program opens no page.
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.dashboard.forms import cookie, drop_cookie, set_cookie
from api.dashboard.rendering import page
from api.dashboard.sessions import Sessions, new_cookie, same
from api.dashboard.visit import Visit
from api.identity import Caller, caller_of
from api.permissions import Role
from api.problems import Problem
from api.service import Service
from api.signed_in import token_of

SESSION: Final = "session"
DOOR: Final = "door"
_DOOR_LASTS: Final = 3600
_LONGEST_PATH: Final = 400


def to_the_door(request: Request) -> Response:
    """Send somebody who has not signed in to the form, and from there to what they asked for."""
    asked = safe_path(_asked(request))
    onward = "" if asked == "/" or request.method != "GET" else f"?onward={quote(asked, safe='')}"
    return RedirectResponse(f"/sign-in{onward}", status_code=303)


def sign_in_page(
    request: Request,
    service: Service,
    *,
    said: str = "",
    status: int = 200,
    onward: str | None = None,
    leaving: str | None = None,
) -> Response:
    """Return the form that a token is typed into.

    Args:
        request: from the browser.
        service: says which provider there is.
        said: why the form is shown, where it was not asked for.
        status: of HTTP.
        onward: where to go afterwards; by default what was asked for.
        leaving: where the log-in at the provider can be ended as well, after signing out.
    """
    onward = safe_path(_asked(request) if onward is None else onward)
    provider = service.settings.provider
    held = cookie(request, DOOR) or new_cookie()
    response = page(
        "sign_in",
        {
            "title": "Sign in",
            "said": said,
            "door": Sessions.word_at_the_door(held),
            "onward": onward,
            "provider": None if provider is None else provider.settings.name,
            "begin": f"/sign-in/provider?onward={quote(onward, safe='')}",
            "leaving": leaving,
            "hours": f"{service.settings.session_lasts.total_seconds() / 3600:g}",
            "minutes": f"{service.settings.session_idle.total_seconds() / 60:g}",
            "person": None,
            "places": [],
        },
        status=status,
    )
    set_cookie(request, response, DOOR, held, lasts=_DOOR_LASTS)
    return response


def sign_in(request: Request, service: Service, form: Mapping[str, str]) -> Response:
    """Begin a session, or say that the token does not count."""
    onward = safe_path(form.get("onward", "/"))
    held = cookie(request, DOOR)
    if held is None or not same(form.get("door", ""), Sessions.word_at_the_door(held)):
        return sign_in_page(
            request, service, said="The form was too old, or not ours. Try again.", status=403, onward=onward
        )
    token = form.get("token", "").strip()
    try:
        caller = _known(request, service, token)
    except Problem as problem:
        return sign_in_page(request, service, said=problem.said.detail, status=problem.kind.status, onward=onward)
    if Role.SERVICE in caller.words:
        return sign_in_page(request, service, said="A program's token opens no page.", status=403, onward=onward)
    sessions = service.sessions
    id_ = sessions.begin(caller.holder, token=token_of(caller, service.settings.lone), former=cookie(request, SESSION))
    response = RedirectResponse(onward, status_code=303)
    set_cookie(request, response, SESSION, id_, lasts=int(sessions.lasts.total_seconds()))
    drop_cookie(request, response, DOOR)
    return response


def sign_out(request: Request, visit: Visit) -> Response:
    """End the session; whoever logged in is shown how to end the log-in at the provider as well."""
    service = visit.service
    service.sessions.end(cookie(request, SESSION))
    provider = None if visit.session.token is not None else service.settings.provider
    leaving = None if provider is None else provider.leaving()
    response: Response = RedirectResponse("/sign-in", status_code=303)
    if leaving is not None:
        response = sign_in_page(request, service, said="You are signed out here.", onward="/", leaving=leaving)
    drop_cookie(request, response, SESSION)
    return response


def safe_path(path: str) -> str:
    """Return a path on this service; ``/`` in the place of anything that could lead elsewhere, or to the door."""
    plain = path.isascii() and path.isprintable() and not set(path) & set("\\ ") and len(path) <= _LONGEST_PATH
    if not plain or not path.startswith("/") or path.startswith(("//", "/sign-")):
        return "/"
    return path


def _asked(request: Request) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def _known(request: Request, service: Service, token: str) -> Caller:
    """Return who has a token. Whoever has one that counts is never kept waiting by others who have none.

    Raises:
        Problem: the token does not count, or too many from this address did not.
    """
    try:
        return caller_of(service.workspace, f"Bearer {token}", service.settings.lone)
    except Problem:
        service.rates.failed(request.client.host if request.client is not None else "unknown")
        raise
