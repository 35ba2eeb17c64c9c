"""The registry's webhooks: verified by their signature over the raw body, remembered by their id, answered at once.

A webhook is a bell and nothing more. It makes this process look at the registry now instead of in half a minute, so
that a forged, repeated or lost one changes nothing but when.
"""

from datetime import UTC, datetime, timedelta
from typing import Final

from fastapi import Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from api.calls import answer
from api.guard import guarded_router
from api.problems import Problem
from api.service import Service, log, service_of
from api.shapes.intake import ReceivedOut
from api.webhooks.settings import Incoming
from gatekeeper.core.errors import InputError, VerificationError
from gatekeeper.registry.notice import EVENTS, verified
from gatekeeper.store import intakes

router = guarded_router()

_MOST_BYTES: Final = 65_536
_KEPT: Final = timedelta(days=1)
"""Longer than a delivery's own time may be off, so that none that still verifies is forgotten."""


@router.post(
    "/v1/webhooks/mlflow",
    response_model=ReceivedOut,
    status_code=202,
    summary="The registry's webhook",
    tags=["webhooks"],
)
async def receive(request: Request) -> Response:
    """Take what the registry says happened, and look there soon. The same delivery does nothing a second time."""
    service = service_of(request)
    incoming = service.settings.registry
    secret = None if incoming is None else incoming.secret()
    if incoming is None or secret is None:
        raise Problem("not-found", "The registry's webhooks are not taken here.", hint="gatekeeper intake connect.")
    body = await _body(request)
    headers = {name.lower(): value for name, value in request.headers.items()}
    address = request.client.host if request.client is not None else "unknown"
    return await run_in_threadpool(_take, service, incoming, secret.hex(), headers, body, address)


def _take(
    service: Service, incoming: Incoming, secret: str, headers: dict[str, str], body: bytes, address: str
) -> Response:
    try:
        notice = verified(secret, headers, body, window=incoming.window)
    except VerificationError as error:
        service.rates.failed(address)
        raise Problem("no-token", error.message, hint=error.hint) from error
    except InputError as error:
        raise Problem("payload", error.message) from error
    if notice.event not in EVENTS:
        return answer(ReceivedOut(taken=False), status=202)
    with service.workspace.store.transaction() as session:
        new = intakes.receive(session, notice.delivery, now=datetime.now(UTC), kept=_KEPT)
    if new:
        log.info("the registry says %s about a model", notice.event)
        if notice.about_alias:
            incoming.look()
        else:
            incoming.wake(notice.model)
    return answer(ReceivedOut(taken=new), status=202)


async def _body(request: Request) -> bytes:
    """Return the body as it came, no longer than a registry's webhook is.

    Raises:
        Problem: it is longer.
    """
    read = bytearray()
    async for chunk in request.stream():
        read += chunk
        if len(read) > _MOST_BYTES:
            raise Problem("too-large", f"A webhook holds {_MOST_BYTES} bytes at most.")
    return bytes(read)
