"""Models: what their aliases point to, and where their champions came from."""

from starlette.responses import Response

from api.calls import Here, answer
from api.finding import model_at
from api.guard import guarded_router
from api.shapes.models import BehindOut, DriftOut, LineageOut, ModelOut, ModelsOut, MoveOut
from gatekeeper.core.digests import plain
from gatekeeper.core.states import State
from gatekeeper.pipeline.drift import OpenDrift, open_drifts
from gatekeeper.pipeline.lineage import drift_of
from gatekeeper.pipeline.principal import ANCHOR, CHAMPION
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import models, promotions, updates

router = guarded_router()


@router.get("/v1/models", response_model=ModelsOut, summary="List models", tags=["models"])
def list_models(call: Here) -> Response:
    """Return the names of every model that anything was ever proposed for."""
    with call.service.workspace.store.reading() as session:
        return answer(ModelsOut(items=models.names(session)))


@router.get("/v1/models/{model}", response_model=ModelOut, summary="One model", tags=["models"])
def one_model(model: str, call: Here) -> Response:
    """Return what the registry says now; its ETag is what a rollback takes as If-Match."""
    return answer(model_out(call.service.workspace, model), tagged=True, call=call)


@router.get("/v1/models/{model}/lineage", response_model=LineageOut, summary="Its champions", tags=["models"])
def lineage(model: str, call: Here) -> Response:
    """Return every move of the champion, oldest first, and what the champions scored against the anchor."""
    workspace = call.service.workspace
    with workspace.store.reading() as session:
        model_at(session, model)
        history = promotions.history(session, registry_id=workspace.registry.id, model=model, alias=CHAMPION)
    moves = [
        MoveOut(
            version=move.version,
            update=move.update_id,
            kind=move.kind.value,
            previous=move.expected_previous,
            promoted=move.finished,
        )
        for move in reversed(history)
    ]
    drift = []
    for point in drift_of(workspace, model):
        form = plain(point)
        if isinstance(form, dict):
            drift.append(DriftOut.model_validate({name: form[name] for name in DriftOut.model_fields}))
    return answer(LineageOut(model=model, champions=moves, drift=drift))


def model_out(workspace: Workspace, model: str) -> ModelOut:
    """Return a model as it is sent.

    Raises:
        Problem: there is none of that name.
        RegistryError: the registry cannot be asked.
    """
    with workspace.store.reading() as session:
        model_at(session, model)
        protected = models.protected_aliases(session, model)
        live = [row.id for row in updates.in_state(session, State.ACTIVE, model=model)]
    aliases = workspace.registry.alias_versions(model)
    return ModelOut(
        name=model,
        protected=list(protected),
        champion=aliases.get(CHAMPION),
        anchor=aliases.get(ANCHOR),
        live=live[-1] if live else None,
        behind=[_behind(each) for each in open_drifts(workspace, model)],
    )


def _behind(lasting: OpenDrift) -> BehindOut:
    drift = lasting.drift
    return BehindOut(
        id=lasting.id,
        kind=drift.kind.value,
        alias=drift.alias,
        version=drift.version,
        observed=drift.observed,
        text=str(drift),
        found=lasting.since,
    )
