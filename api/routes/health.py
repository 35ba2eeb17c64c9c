"""Whether the service answers, and who is asking."""

from fastapi import Request
from starlette.responses import Response

from api.calls import Here, answer
from api.guard import guarded_router
from api.service import log, service_of
from api.shapes.service import HealthOut, MeOut, ReadyOut
from gatekeeper.core.errors import GatekeeperError
from gatekeeper.store import entries

router = guarded_router()


@router.get("/healthz", response_model=HealthOut, summary="Alive", tags=["health"])
def healthz() -> Response:
    """Answer as long as the process does; nothing else is asked."""
    return answer(HealthOut(status="ok"))


@router.get("/readyz", response_model=ReadyOut, responses={503: {"model": ReadyOut}}, summary="Ready", tags=["health"])
def readyz(request: Request) -> Response:
    """Ask the database, the policy and the registry; 503 when one of them does not answer."""
    service = service_of(request)

    def database() -> None:
        with service.workspace.store.reading() as session:
            entries.size(session)

    def policy() -> None:
        service.policy()

    def registry() -> None:
        service.workspace.registry.reach()

    checks = {}
    for name, ask in (("database", database), ("policy", policy), ("registry", registry)):
        try:
            ask()
            checks[name] = "ok"
        except GatekeeperError as error:
            log.warning("not ready: %s", error)
            checks[name] = type(error).__name__
    ready = set(checks.values()) == {"ok"}
    return answer(ReadyOut(status="ready" if ready else "not ready", checks=checks), status=200 if ready else 503)


@router.get("/v1/me", response_model=MeOut, summary="Who am I", tags=["health"])
def me(call: Here) -> Response:
    """Say who the token belongs to, and which of its roles count now."""
    caller = call.caller
    return answer(MeOut(name=caller.principal.name, token=caller.token, roles=sorted(caller.words)))
