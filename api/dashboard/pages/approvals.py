"""What waits for people: updates to decide about, updates that were agreed to, and requests of other kinds."""

from starlette.responses import Response

from api.dashboard.showing import show
from api.dashboard.visit import Visit
from api.routes.requests import list_requests
from api.routes.updates import list_updates
from api.shapes.decisions import RequestsOut
from api.shapes.updates import UpdatesOut
from gatekeeper.core.states import State

_AT_ONCE = 50


def approvals(visit: Visit) -> Response:
    """Show what waits, newest first; requests oldest first."""
    return show(
        visit,
        "approvals",
        title="Approvals waiting",
        waiting=_page(visit, State.PENDING_APPROVAL, visit.query.get("cursor") or None),
        agreed=_page(visit, State.APPROVED, None),
        asked=visit.ask("GET", "/v1/requests", list_requests, RequestsOut).items,
    )


def _page(visit: Visit, state: State, cursor: str | None) -> UpdatesOut:
    return visit.ask("GET", "/v1/updates", list_updates, UpdatesOut, state=[state], cursor=cursor, limit=_AT_ONCE)
