"""The interface's description: what FastAPI finds in the routes, and what holds for all of them.

Tokens, preconditions, repeatable requests and problems are the same everywhere, so they are added here, from the table
of permissions, and not route by route.
"""

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.permissions import ROUTES, Route
from api.problems import KINDS, MEDIA_TYPE, FieldError, ProblemOut

_PROBLEM = {"content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemOut"}}}}

_ETAG = {"ETag": {"description": "Strong: the same exactly when every byte is.", "schema": {"type": "string"}}}


def described(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI description, made once."""
    if app.openapi_schema is None:
        form = get_openapi(title=app.title, version=app.version, summary=app.summary, routes=app.routes)
        schemas = form["components"]["schemas"]
        for name in ("HTTPValidationError", "ValidationError"):
            schemas.pop(name, None)
        for shape in (ProblemOut, FieldError):
            own = shape.model_json_schema(ref_template="#/components/schemas/{model}")
            own.pop("$defs", None)
            schemas[shape.__name__] = own
        form["components"]["securitySchemes"] = {
            "token": {"type": "http", "scheme": "bearer", "bearerFormat": "gk_…", "description": "An API token."}
        }
        for route in ROUTES:
            operation = form["paths"].get(route.path, {}).get(route.method.lower())
            if operation is not None:
                _complete(operation, route)
        app.openapi_schema = form
    return app.openapi_schema


def _complete(operation: dict[str, Any], route: Route) -> None:
    """Add to one operation what holds for all that are like it."""
    responses = operation["responses"]
    responses.pop("422", None)
    takes_something = bool(operation.get("parameters")) or "requestBody" in operation
    if route.roles is not None:
        operation["security"] = [{"token": []}]
        operation["x-roles"] = sorted(route.roles)
        for status in (401, 403, 429, 500, 503):
            responses[str(status)] = _problem(status)
        if takes_something or route.writes:
            responses["422"] = _problem(422)
    if "{" in route.path:
        responses["404"] = _problem(404)
        responses["409"] = _problem(409)
    if route.writes:
        responses["413"] = _problem(413)
    if route.writes and route.roles is None:
        for status in (401, 404, 422, 429, 503):
            responses[str(status)] = _problem(status)
    elif route.writes:
        responses["409"] = _problem(409)
        operation.setdefault("parameters", []).append(
            {
                "name": "Idempotency-Key",
                "in": "header",
                "required": False,
                "description": "The same key and the same body give the same answer, and do nothing twice.",
                "schema": {"type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[ -~]+$"},
            }
        )
    if route.guarded:
        for status in (412, 428):
            responses[str(status)] = _problem(status)
        operation["parameters"].append(
            {
                "name": "If-Match",
                "in": "header",
                "required": True,
                "description": "The ETag of what was seen.",
                "schema": {"type": "string", "examples": ['"0123456789abcdef0123456789abcdef"']},
            }
        )
    if route.path in {
        "/v1/updates/{update_id}",
        "/v1/models/{model}",
        "/v1/requests/{request_id}",
        "/v1/webhooks/{webhook_id}",
    }:
        responses["200"]["headers"] = _ETAG
        responses["304"] = {"description": "Not changed since.", "headers": _ETAG}


def _problem(status: int) -> dict[str, Any]:
    codes = ", ".join(f"`{kind.code}`" for kind in KINDS.values() if kind.status == status)
    return {"description": f"Problem: {codes}.", **_PROBLEM}
