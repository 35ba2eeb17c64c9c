"""What every page has around what it shows: who is signed in, the way to the other pages, the word of its forms."""

from http import HTTPStatus
from typing import Final

from starlette.responses import Response

from api.dashboard.rendering import page
from api.dashboard.visit import Visit
from api.problems import ProblemOut

_PLACES: Final = (
    ("/", "Fleet", "/v1/models"),
    ("/approvals", "Approvals", "/v1/updates"),
    ("/updates", "Updates", "/v1/updates"),
    ("/ledger", "Ledger", "/v1/ledger/entries"),
)
"""Path, name, and the route that a reader of the page must be able to call."""

_OVER_REST: Final = ("GET ", "POST ")


def show(visit: Visit, template: str, *, title: str, status: int = 200, **context: object) -> Response:
    """Return a page for somebody who is signed in."""
    return page(
        template,
        {
            "title": title,
            "person": visit.caller.principal.name,
            "roles": sorted(visit.caller.words),
            "word": visit.session.word,
            "places": [(path, name, path == visit.path) for path, name, route in _PLACES if visit.may("GET", route)],
            **context,
        },
        status=status,
    )


def show_problem(visit: Visit | None, problem: ProblemOut) -> Response:
    """Return the page that says what is wrong, to somebody who is signed in or to anybody."""
    hint = "" if problem.hint.startswith(_OVER_REST) else problem.hint
    context: dict[str, object] = {"problem": problem, "hint": hint, "phrase": HTTPStatus(problem.status).phrase}
    if visit is None:
        around: dict[str, object] = {"title": problem.title, "person": None, "roles": [], "word": "", "places": []}
        return page("problem", {**around, **context}, status=problem.status)
    return show(visit, "problem", title=problem.title, status=problem.status, **context)
