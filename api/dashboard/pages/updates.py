"""Every update, newest first, of all models or of one, in all states or in one."""

from starlette.responses import Response

from api.dashboard.showing import show
from api.dashboard.visit import Visit
from api.problems import Problem
from api.routes.updates import list_updates
from api.shapes.updates import UpdatesOut
from gatekeeper.core.states import State

_AT_ONCE = 50
_LONGEST = 400


def updates(visit: Visit) -> Response:
    """Show a page of updates.

    Raises:
        Problem: the address asks for something that there is not.
    """
    model, word, cursor = (visit.query.get(name) or None for name in ("model", "state", "cursor"))
    if any("\x00" in text or len(text) > _LONGEST for text in (model or "", cursor or "")):
        raise Problem("payload", "The address asks for something that there is not.", hint="Begin at the first page.")
    if word is not None and word not in set(State):
        raise Problem("payload", "There is no such state.", hint="Choose one from the list.")
    found = visit.ask(
        "GET",
        "/v1/updates",
        list_updates,
        UpdatesOut,
        model=model,
        state=None if word is None else [State(word)],
        cursor=cursor,
        limit=_AT_ONCE,
    )
    return show(
        visit,
        "updates",
        title="Updates",
        found=found,
        model=model or "",
        state=word or "",
        states=[state.value for state in State],
    )
