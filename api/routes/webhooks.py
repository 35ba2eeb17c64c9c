"""Webhooks: where events are sent, which of them arrived, and sending one again.

The settings file says which hosts may be named at all; administrators say which of them are sent what. Neither is
enough alone: a stolen token sends nothing to a stranger, and the file needs no secret.
"""

from typing import Annotated

from fastapi import Query
from starlette.responses import Response

from api.calls import Call, Here, answer, etag_of
from api.guard import guarded_router
from api.problems import Problem
from api.shapes.webhooks import (
    DeliveriesOut,
    DeliveryOut,
    WebhookIn,
    WebhookOut,
    WebhookSecretOut,
    WebhooksOut,
)
from api.webhooks.events import TEST, TYPES
from api.webhooks.sender import now_utc
from api.webhooks.settings import Outgoing
from api.webhooks.signing import secret_of
from api.webhooks.views import delivery_out, webhook_out
from gatekeeper.pipeline import webhooks as stage
from gatekeeper.store import webhooks
from gatekeeper.store.tables import DeliveryRow, DeliveryState, EndpointRow, EndpointState

router = guarded_router()

_MOST = 50
"""Webhooks of one installation."""


@router.get("/v1/webhooks", response_model=WebhooksOut, summary="List webhooks", tags=["webhooks"])
def list_webhooks(call: Here) -> Response:
    """Return where events are sent, oldest first."""
    with call.service.workspace.store.reading() as session:
        return answer(WebhooksOut(items=[webhook_out(row, call.caller.words) for row in webhooks.endpoints(session)]))


@router.post(
    "/v1/webhooks", response_model=WebhookSecretOut, status_code=201, summary="Send events", tags=["webhooks"]
)
def add(wanted: WebhookIn, call: Here) -> Response:
    """Send events to an address from now on. The secret is in this answer and in no other."""

    def act() -> Response:
        outgoing = _outgoing(call)
        unknown = sorted(set(wanted.events) - set(TYPES))
        if unknown:
            raise Problem("payload", f"{unknown[0]!r} is no event.", hint="Known: " + ", ".join(TYPES) + ".")
        workspace = call.service.workspace
        outgoing.rules.target(wanted.url)
        with workspace.store.reading() as session:
            if len(webhooks.endpoints(session)) >= _MOST:
                raise Problem("state", f"There are {_MOST} webhooks.", hint="Remove one first.")
        made = stage.add(workspace, wanted.url, wanted.events, by=call.caller.principal.name)
        shown = WebhookSecretOut(webhook=webhook_out(made, call.caller.words), secret=None)
        return answer(shown, status=201, headers={"Location": f"/v1/webhooks/{made.id}"})

    return _with_secret(call, call.once(act))


@router.get("/v1/webhooks/{webhook_id}", response_model=WebhookOut, summary="One webhook", tags=["webhooks"])
def one_webhook(webhook_id: str, call: Here) -> Response:
    """Return where events are sent; its ETag is what a change takes as If-Match."""
    return answer(_webhook(call, webhook_id), tagged=True, call=call)


@router.post(
    "/v1/webhooks/{webhook_id}/secret",
    response_model=WebhookSecretOut,
    status_code=201,
    summary="New secret",
    tags=["webhooks"],
)
def new_secret(webhook_id: str, call: Here) -> Response:
    """Make another secret. Deliveries are signed with the former one too, for a day."""

    def act() -> Response:
        _outgoing(call)
        with call.service.turn(webhook_id):
            call.require_match(etag_of(_webhook(call, webhook_id)))
            made = stage.new_secret(call.service.workspace, webhook_id, by=call.caller.principal.name)
        return answer(WebhookSecretOut(webhook=webhook_out(made, call.caller.words), secret=None), status=201)

    return _with_secret(call, call.once(act))


@router.post(
    "/v1/webhooks/{webhook_id}/test",
    response_model=DeliveryOut,
    status_code=202,
    summary="Send a test",
    tags=["webhooks"],
)
def test(webhook_id: str, call: Here) -> Response:
    """Send an event that is about nothing; how it ended is among the deliveries."""

    def act() -> Response:
        _outgoing(call)
        _webhook(call, webhook_id)
        with call.service.workspace.store.transaction() as session:
            made = webhooks.add_test(session, webhook_id, TEST, now=now_utc())
        return answer(delivery_out(made), status=202)

    return call.once(act)


@router.post("/v1/webhooks/{webhook_id}/disable", response_model=WebhookOut, summary="Switch off", tags=["webhooks"])
def disable(webhook_id: str, call: Here) -> Response:
    """Send nothing for now; events wait."""
    return _change(webhook_id, call, EndpointState.DISABLED)


@router.post("/v1/webhooks/{webhook_id}/enable", response_model=WebhookOut, summary="Switch on", tags=["webhooks"])
def enable(webhook_id: str, call: Here) -> Response:
    """Send again, beginning with what waits."""
    return _change(webhook_id, call, EndpointState.ACTIVE)


@router.post("/v1/webhooks/{webhook_id}/remove", response_model=WebhookOut, summary="Remove", tags=["webhooks"])
def remove(webhook_id: str, call: Here) -> Response:
    """Send nothing ever again; what waits is given up."""
    return _change(webhook_id, call, EndpointState.REMOVED)


@router.get(
    "/v1/webhooks/{webhook_id}/deliveries", response_model=DeliveriesOut, summary="Deliveries", tags=["webhooks"]
)
def deliveries(
    webhook_id: str,
    call: Here,
    state: DeliveryState | None = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Response:
    """Return what was sent there, what waits and what was given up, newest first."""
    _webhook(call, webhook_id)
    with call.service.workspace.store.reading() as session:
        rows = webhooks.deliveries(session, webhook_id, state=state, limit=limit)
        return answer(DeliveriesOut(items=[delivery_out(row) for row in rows]))


@router.post(
    "/v1/webhooks/{webhook_id}/deliveries/{delivery_id}/again",
    response_model=DeliveryOut,
    status_code=202,
    summary="Send again",
    tags=["webhooks"],
)
def again(webhook_id: str, delivery_id: str, call: Here) -> Response:
    """Send one event again, with the same ``webhook-id``."""

    def act() -> Response:
        _outgoing(call)
        _webhook(call, webhook_id)
        with call.service.workspace.store.transaction() as session:
            row = _delivery(webhooks.find_delivery(session, webhook_id, _plain(delivery_id)))
            webhooks.send_again(session, row, now=now_utc())
        return answer(delivery_out(row), status=202)

    return call.once(act)


def _change(webhook_id: str, call: Call, state: EndpointState) -> Response:
    def act() -> Response:
        workspace, by = call.service.workspace, call.caller.principal.name
        with call.service.turn(webhook_id):
            call.require_match(etag_of(_webhook(call, webhook_id)))
            match state:
                case EndpointState.ACTIVE:
                    changed = stage.enable(workspace, webhook_id, by=by)
                case EndpointState.DISABLED:
                    changed = stage.disable(workspace, webhook_id, by=by)
                case EndpointState.REMOVED:
                    changed = stage.remove(workspace, webhook_id, by=by)
        return answer(webhook_out(changed, call.caller.words), tagged=True)

    return call.once(act)


def _with_secret(call: Call, response: Response) -> Response:
    """Add the newest secret to a fresh answer: what is kept for repetitions holds none."""
    if response.status_code != 201 or "idempotent-replayed" in response.headers:
        return response
    shown = WebhookSecretOut.model_validate_json(bytes(response.body))
    with call.service.workspace.store.reading() as session:
        row = webhooks.require_endpoint(session, shown.webhook.id)
    secret = secret_of(_outgoing(call).key, row.id, row.generation)
    headers = {"Location": response.headers["location"]} if "location" in response.headers else None
    return answer(shown.model_copy(update={"secret": secret}), status=201, headers=headers)


def _outgoing(call: Call) -> Outgoing:
    outgoing = call.service.settings.outgoing
    if outgoing is None:
        raise Problem(
            "state",
            "This installation sends no webhooks.",
            hint="Name the hosts that may be sent to under [webhooks] hosts in gatekeeper.toml.",
        )
    return outgoing


def _webhook(call: Call, webhook_id: str) -> WebhookOut:
    with call.service.workspace.store.reading() as session:
        row = _endpoint(webhooks.find_endpoint(session, _plain(webhook_id)))
    return webhook_out(row, call.caller.words)


def _endpoint(row: EndpointRow | None) -> EndpointRow:
    if row is None or row.state is EndpointState.REMOVED:
        raise Problem("not-found", "There is no such webhook.", hint="GET /v1/webhooks lists them.")
    return row


def _delivery(row: DeliveryRow | None) -> DeliveryRow:
    if row is None:
        raise Problem("not-found", "There is no such delivery.", hint="Deliveries are listed for thirty days.")
    return row


def _plain(named: str) -> str:
    return "" if "\x00" in named else named
