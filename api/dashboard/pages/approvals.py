"""What waits for people: updates to decide about, updates that were agreed to, and requests of other kinds."""

from dataclasses import dataclass
from datetime import datetime

from starlette.responses import Response

from api.dashboard.showing import show
from api.dashboard.visit import Visit
from api.routes.updates import list_updates
from api.shapes import UpdatesOut
from gatekeeper.core.states import State
from gatekeeper.store import requests
from gatekeeper.store.tables import RequestState

_AT_ONCE = 50
_LONGEST_CURSOR = 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Something beside an ordinary promotion that people are asked about."""

    id: str
    action: str
    update: str
    model: str
    given: int
    required: int
    expires: datetime


def approvals(visit: Visit) -> Response:
    """Show what waits, newest first."""
    waiting = _page(visit, State.PENDING_APPROVAL, visit.query.get("cursor"))
    agreed = _page(visit, State.APPROVED, None)
    with visit.service.workspace.store.reading() as session:
        asked = [
            Asked(
                id=row.id,
                action=row.action,
                update=row.update_id,
                model=row.model,
                given=len(requests.decisions(session, row.id)),
                required=row.required,
                expires=row.expires,
            )
            for row in requests.in_state(session, RequestState.OPEN)
        ]
    return show(visit, "approvals", title="Approvals waiting", waiting=waiting, agreed=agreed, asked=asked)


def _page(visit: Visit, state: State, cursor: str | None) -> UpdatesOut:
    kept = cursor[:_LONGEST_CURSOR] if cursor else None
    return visit.ask("GET", "/v1/updates", list_updates, UpdatesOut, state=[state], cursor=kept, limit=_AT_ONCE)
