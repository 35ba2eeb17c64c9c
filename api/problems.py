"""Every answer that is no success: one shape (RFC 9457), a code that keeps its meaning, and what to do next."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gatekeeper.core.errors import (
    GatekeeperError,
    InputError,
    NotEntitled,
    PolicyError,
    PromotionConflict,
    RegistryError,
    StateError,
    StoreError,
    UsageError,
    VerificationError,
)

MEDIA_TYPE: Final = "application/problem+json"
URN: Final = "urn:gatekeeper:problem:"

_LONGEST: Final = 2000


class ProblemOut(BaseModel):
    """A problem as RFC 9457 describes it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:gatekeeper:problem:state",
                    "title": "Not in this state",
                    "status": 409,
                    "detail": "Update upd-0123456789abcdef is BLOCKED: nothing waits for a decision.",
                    "hint": "",
                    "request_id": "5f0c7c1e6a0f4c7d9d1f0a2b3c4d5e6f",
                }
            ]
        }
    )

    type: str
    """``urn:gatekeeper:problem:`` and the code."""
    title: str
    """The same for every problem of this type."""
    status: int
    detail: str
    """What is wrong, in one sentence."""
    hint: str = ""
    """What to do next."""
    request_id: str
    """The answer's ``X-Request-Id``."""
    errors: list["FieldError"] = Field(default_factory=list)
    """Which parts of a payload are wrong."""


class FieldError(BaseModel):
    """One part of a payload that is wrong."""

    where: str
    """Path such as ``body.seen.update_digest``."""
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A type of problem."""

    code: str
    status: int
    title: str


KINDS: Final = {
    kind.code: kind
    for kind in (
        Kind(code="no-token", status=401, title="No token that counts"),
        Kind(code="log-in-needed", status=401, title="A recent log-in is needed"),
        Kind(code="log-in-refused", status=403, title="No log-in that counts"),
        Kind(code="not-allowed", status=403, title="Not allowed"),
        Kind(code="may-not-decide", status=403, title="Not this person's to decide"),
        Kind(code="not-found", status=404, title="Not there"),
        Kind(code="method", status=405, title="Not done this way"),
        Kind(code="state", status=409, title="Not in this state"),
        Kind(code="stale-view", status=409, title="Something else than what was seen"),
        Kind(code="conflict", status=409, title="The alias moved"),
        Kind(code="verification", status=409, title="Bytes, digests or signatures do not match"),
        Kind(code="in-progress", status=409, title="The same request is being worked on"),
        Kind(code="changed", status=412, title="Changed since it was read"),
        Kind(code="too-large", status=413, title="Too large"),
        Kind(code="payload", status=422, title="Wrong payload"),
        Kind(code="bad-signature", status=422, title="No signature of this person"),
        Kind(code="key-used", status=422, title="The key belongs to another request"),
        Kind(code="no-precondition", status=428, title="If-Match is missing"),
        Kind(code="too-many", status=429, title="Too many requests"),
        Kind(code="internal", status=500, title="A fault of ours"),
        Kind(code="setup", status=503, title="The installation's files are wrong"),
        Kind(code="policy", status=503, title="The policy does not load"),
        Kind(code="registry", status=503, title="The registry does not answer"),
        Kind(code="provider", status=503, title="The provider of log-ins does not answer"),
        Kind(code="store", status=503, title="The database does not answer"),
        Kind(code="busy", status=503, title="Too much is being evaluated"),
        Kind(code="not-evaluated", status=503, title="Could not be evaluated"),
    )
}
"""Every type of problem by its code."""

_BY_ERROR: Final[tuple[tuple[type[GatekeeperError], str], ...]] = (
    (PolicyError, "policy"),
    (UsageError, "payload"),
    (InputError, "payload"),
    (PromotionConflict, "conflict"),
    (RegistryError, "registry"),
    (StoreError, "store"),
    (NotEntitled, "may-not-decide"),
    (StateError, "state"),
    (VerificationError, "verification"),
    (GatekeeperError, "not-evaluated"),
)
"""The error tree, the more special first."""

_BY_STATUS: Final = {400: "payload", 404: "not-found", 405: "method", 413: "too-large"}
"""What the framework says, and what we say: a body that cannot be read is a wrong payload like any other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Said:
    detail: str
    hint: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    errors: tuple[FieldError, ...] = ()


class Problem(Exception):
    """An answer that is no success, raised where it is found."""

    def __init__(self, code: str, detail: str, *, hint: str = "", headers: Mapping[str, str] | None = None) -> None:
        super().__init__(detail)
        self.kind = KINDS[code]
        self.said = _Said(detail=detail, hint=hint, headers=headers or {})


def response_for(error: Exception, request_id: str) -> Response:
    """Return the answer to an error of ours, or of the framework; anything else is a fault of ours without details."""
    match error:
        case Problem():
            return _answer(error.kind, error.said, request_id)
        case GatekeeperError():
            code = next(code for kind, code in _BY_ERROR if isinstance(error, kind))
            return _answer(KINDS[code], _Said(detail=error.message, hint=error.hint), request_id)
        case RequestValidationError():
            errors = tuple(
                FieldError(where=".".join(str(part) for part in each["loc"]), message=str(each["msg"]))
                for each in error.errors()
            )
            return _answer(
                KINDS["payload"], _Said(detail="The request is not as described.", errors=errors), request_id
            )
        case HTTPException() if error.status_code in _BY_STATUS:
            kind = KINDS[_BY_STATUS[error.status_code]]
            said = _Said(detail=HTTPStatus(error.status_code).description or kind.title, headers=error.headers or {})
            return _answer(kind, said, request_id)
        case HTTPException():
            kind = Kind(code="payload", status=error.status_code, title=HTTPStatus(error.status_code).phrase)
            return _answer(kind, _Said(detail=str(error.detail)), request_id)
    return _answer(
        KINDS["internal"],
        _Said(detail="Gatekeeper itself failed; nothing was admitted.", hint="Look for the request's id in its log."),
        request_id,
    )


def request_id_of(request: Request) -> str:
    """Return the id that the middleware gave the request."""
    return str(request.scope.get("gatekeeper.request_id", ""))


def _answer(kind: Kind, said: _Said, request_id: str) -> Response:
    body = ProblemOut(
        type=URN + kind.code,
        title=kind.title,
        status=kind.status,
        detail=said.detail[:_LONGEST],
        hint=said.hint[:_LONGEST],
        request_id=request_id,
        errors=list(said.errors),
    )
    headers = dict(said.headers)
    if kind.status == HTTPStatus.SERVICE_UNAVAILABLE:
        headers.setdefault("Retry-After", "10")
    return Response(body.model_dump_json(), status_code=kind.status, media_type=MEDIA_TYPE, headers=headers)
