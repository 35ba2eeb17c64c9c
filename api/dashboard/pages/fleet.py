"""Every model under the gate: what is live, what it is measured against, what was decided last, what waits."""

from dataclasses import dataclass
from typing import Final

from starlette.responses import Response

from api.dashboard.showing import show
from api.dashboard.visit import Visit
from api.routes.models import list_models, one_model
from api.routes.requests import list_requests
from api.routes.updates import list_updates
from api.shapes.decisions import RequestsOut
from api.shapes.models import ModelOut, ModelsOut
from api.shapes.updates import UpdateOut, UpdatesOut
from gatekeeper.core.errors import RegistryError
from gatekeeper.core.states import State

_MOST: Final = 100
"""Updates that the last verdict is looked for among, and the most that are counted as open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One model."""

    name: str
    now: ModelOut | None
    """``None`` where the registry does not answer."""
    last: UpdateOut | None
    """Newest update that has a verdict."""
    waiting: int
    """Updates that wait for people, at most ``_MOST``."""
    requests: int
    """Other things that people are asked about."""


def fleet(visit: Visit) -> Response:
    """Show every model."""
    names = visit.ask("GET", "/v1/models", list_models, ModelsOut).items
    asked = [each.model for each in visit.ask("GET", "/v1/requests", list_requests, RequestsOut).items]
    lines = [_line(visit, name, asked.count(name)) for name in names]
    return show(visit, "fleet", title="Fleet", lines=lines)


def _line(visit: Visit, name: str, asked: int) -> Line:
    newest = visit.ask("GET", "/v1/updates", list_updates, UpdatesOut, model=name, limit=_MOST).items
    waiting = visit.ask(
        "GET", "/v1/updates", list_updates, UpdatesOut, model=name, state=[State.PENDING_APPROVAL], limit=_MOST
    )
    return Line(
        name=name,
        now=_now(visit, name),
        last=next((each for each in newest if each.outcome is not None), None),
        waiting=len(waiting.items),
        requests=asked,
    )


def _now(visit: Visit, name: str) -> ModelOut | None:
    try:
        return visit.ask("GET", "/v1/models/{model}", one_model, ModelOut, model=name)
    except RegistryError:
        return None
