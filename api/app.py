"""The service as one ASGI application, made once, from an open workspace and settings."""

import importlib.metadata

from fastapi import APIRouter, FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from api.dashboard.app import Dashboard
from api.edges import Edges
from api.guard import guarded_router
from api.metering import ServiceMetrics
from api.observing import Observed
from api.openapi import described
from api.problems import Problem, request_id_of, response_for
from api.routes import (
    decisions,
    events,
    health,
    intake,
    ledger,
    metrics,
    mlflow,
    models,
    moves,
    policies,
    proposals,
    quarantine,
    requests,
    runs,
    updates,
    uploads,
    waivers,
    webhooks,
)
from api.runner import InProcessRunner, Runner
from api.service import Service
from api.settings import ServiceSettings
from gatekeeper.core.errors import GatekeeperError
from gatekeeper.pipeline.workspace import Workspace


def create_app(workspace: Workspace, settings: ServiceSettings, *, runner: Runner | None = None) -> FastAPI:
    """Return the application of one installation.

    Args:
        workspace: open for as long as the application answers.
        settings: how it behaves.
        runner: who evaluates; by default this process.
    """
    app = FastAPI(
        title="Gatekeeper",
        version=importlib.metadata.version("gatekeeper"),
        summary="The gate around every weight or adapter update of a language model.",
        # The pages that FastAPI offers load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    app.state.service = Service(workspace, settings, runner or InProcessRunner(most_waiting=settings.most_waiting))
    app.state.metrics = ServiceMetrics(workspace)
    for group in (
        health,
        metrics,
        updates,
        uploads,
        proposals,
        runs,
        events,
        decisions,
        waivers,
        moves,
        requests,
        quarantine,
        models,
        policies,
        ledger,
        mlflow,
        webhooks,
        intake,
    ):
        app.router.routes.extend(group.router.routes)
    app.router.routes.extend(_description(app).routes)
    for error in (Problem, GatekeeperError, RequestValidationError, HTTPException):
        app.add_exception_handler(error, _problem)
    longer = {} if settings.depot is None else {("POST", "/v1/uploads"): settings.depot.most_bytes}
    app.add_middleware(Edges, most_bytes=settings.most_bytes, longer=longer)
    app.add_middleware(Dashboard, service=app.state.service)
    app.add_middleware(Observed, metrics=app.state.metrics)
    app.openapi = lambda: described(app)  # type: ignore[method-assign]  # FastAPI's own way to change it
    return app


def _description(app: FastAPI) -> APIRouter:
    router = guarded_router()

    @router.get("/v1/openapi.json", include_in_schema=False)
    def openapi() -> dict[str, object]:
        return app.openapi()

    return router


def _problem(request: Request, error: Exception) -> Response:
    return response_for(error, request_id_of(request))
