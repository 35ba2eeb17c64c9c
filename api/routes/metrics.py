"""Figures for Prometheus, for anybody: nothing in them has a name."""

from fastapi import Request
from starlette.responses import Response

from api.guard import guarded_router
from api.metering import ServiceMetrics
from api.problems import MEDIA_TYPE as PROBLEM
from api.problems import Problem
from api.service import service_of

router = guarded_router()

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@router.get(
    "/metrics",
    response_class=Response,
    responses={
        200: {"content": {"text/plain": {"schema": {"type": "string"}}}},
        404: {
            "description": "Figures have an address of their own here.",
            "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/ProblemOut"}}},
        },
    },
    summary="Figures",
    tags=["health"],
)
def metrics(request: Request) -> Response:
    """Answer with every figure in Prometheus' text format, as fresh as a few seconds allow."""
    if not service_of(request).settings.open_metrics:
        raise Problem("not-found", "Figures have an address of their own here.", hint="Ask whoever runs the service.")
    kept = request.app.state.metrics
    if not isinstance(kept, ServiceMetrics):
        raise RuntimeError("the application was not made by create_app")
    return Response(kept.text(), media_type=MEDIA_TYPE)
