"""Versions that were put into the registry, and what became of each."""

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from api.calls import Here, answer
from api.guard import guarded_router
from api.shapes.intake import IntakeOut, IntakesOut
from gatekeeper.store import intakes
from gatekeeper.store.tables import IntakeState

router = guarded_router()


@router.get("/v1/intake", response_model=IntakesOut, summary="Registered versions", tags=["webhooks"])
def list_intake(
    call: Here, state: IntakeState | None = None, limit: Annotated[int, Query(ge=1, le=500)] = 100
) -> Response:
    """Return what was found in the registry, what changed last first."""
    with call.service.workspace.store.reading() as session:
        rows = intakes.latest(session, state=state, limit=limit)
    return answer(
        IntakesOut(
            items=[
                IntakeOut(
                    model=row.model,
                    version=row.version,
                    state=row.state.value,
                    update=row.update_id,
                    code=row.code,
                    reason=row.reason,
                    attempts=row.attempts,
                    due=row.due if row.state is IntakeState.WAITING else None,
                    first_seen=row.first_seen,
                    changed=row.changed,
                )
                for row in rows
            ]
        )
    )
