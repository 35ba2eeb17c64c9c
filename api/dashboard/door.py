"""Signing in with a token, and out again.

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
from api.dashboard.sessions import LASTS, Sessions, new_cookie, same
from api.dashboard.visit import Visit
from api.identity import Caller, caller_of
from api.permissions import Role
from api.problems import Problem
from api.service import Service

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
    request: Request, sessions: Sessions, *, said: str = "", status: int = 200, onward: str | None = None
) -> Response:
    """Return the form that a token is typed into.

    Args:
        request: from the browser.
        sessions: gives the form its word.
        said: why the form is shown, where it was not asked for.
        status: of HTTP.
        onward: where to go afterwards; by default what was asked for.
    """
    held = cookie(request, DOOR) or new_cookie()
    response = page(
        "sign_in",
        {
            "title": "Sign in",
            "said": said,
            "door": sessions.word_at_the_door(held),
            "onward": safe_path(_asked(request) if onward is None else onward),
            "person": None,
            "places": [],
        },
        status=status,
    )
    set_cookie(request, response, DOOR, held, lasts=_DOOR_LASTS)
    return response


def sign_in(request: Request, service: Service, sessions: Sessions, form: Mapping[str, str]) -> Response:
    """Begin a session, or say that the token does not count."""
    onward = safe_path(form.get("onward", "/"))
    held = cookie(request, DOOR)
    if held is None or not same(form.get("door", ""), sessions.word_at_the_door(held)):
        return sign_in_page(
            request, sessions, said="The form was too old, or not ours. Try again.", status=403, onward=onward
        )
    token = form.get("token", "").strip()
    try:
        caller = _known(request, service, token)
    except Problem as problem:
        return sign_in_page(request, sessions, said=problem.said.detail, status=problem.kind.status, onward=onward)
    if Role.SERVICE in caller.words:
        return sign_in_page(request, sessions, said="A program's token opens no page.", status=403, onward=onward)
    sessions.end(cookie(request, SESSION))
    id_, _session = sessions.begin(token)
    response = RedirectResponse(onward, status_code=303)
    set_cookie(request, response, SESSION, id_, lasts=int(LASTS.total_seconds()))
    drop_cookie(request, response, DOOR)
    return response


def sign_out(request: Request, sessions: Sessions, _visit: Visit) -> Response:
    """End the session."""
    sessions.end(cookie(request, SESSION))
    response = RedirectResponse("/sign-in", status_code=303)
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
