"""What people decide about beside ordinary promotions: the anchor, and breaking the glass.

Somebody asks and signs, others agree and sign, ``promote`` carries it out.
"""

from collections.abc import Callable
from typing import Annotated, Literal

from fastapi import Query
from starlette.responses import Response

from api.calls import Call, Here, answer, etag_of
from api.finding import nothing_wrong_with_the_payload, request_at, require_domain, require_seen
from api.guard import guarded_router
from api.payloads import ConsentIn, GlassIn, ReviewIn, SignedIn
from api.permissions import Role
from api.problems import Problem
from api.shapes.decisions import RequestOut, RequestsOut, ToSignOut
from api.signatures import to_sign_out
from api.signed_in import own_signature, signature
from api.views import request_out
from gatekeeper.pipeline import break_glass as glass
from gatekeeper.pipeline import to_sign
from gatekeeper.pipeline.anchor import move_anchor
from gatekeeper.pipeline.break_glass import Asked
from gatekeeper.pipeline.granted import CARRIED_OUT, decide
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import requests
from gatekeeper.store.tables import Decision, PromotionKind, RequestState

router = guarded_router()

Verb = Annotated[Literal["approve", "reject"], Query()]


@router.get("/v1/requests", response_model=RequestsOut, summary="List requests", tags=["requests"])
def list_requests(call: Here) -> Response:
    """Return what people are asked about, or agreed to and nobody has carried out, oldest first."""
    with call.service.workspace.store.reading() as session:
        rows = [
            row for state in (RequestState.OPEN, RequestState.APPROVED) for row in requests.in_state(session, state)
        ]
        waiting = [row for row in rows if row.return_of is None and row.action in CARRIED_OUT]
        return answer(RequestsOut(items=[request_out(session, row) for row in waiting]))


@router.get("/v1/requests/{request_id}", response_model=RequestOut, summary="One request", tags=["requests"])
def one_request(request_id: str, call: Here) -> Response:
    """Return a request; its ETag is what a decision about it takes as If-Match."""
    return answer(_request(call.service.workspace, request_id), tagged=True, call=call)


@router.get("/v1/requests/{request_id}/to-sign", response_model=ToSignOut, summary="What to sign", tags=["requests"])
def what_to_sign(request_id: str, call: Here, action: Verb = "approve") -> Response:
    """Return what a decision about a request would have to say; of breaking the glass, also the way back."""
    workspace = call.service.workspace
    _request(workspace, request_id)
    with nothing_wrong_with_the_payload():
        decisions = to_sign.about_request(workspace, request_id, Decision(action), person=call.caller.principal.name)
    return answer(to_sign_out(decisions))


@router.post("/v1/requests/{request_id}/approve", response_model=RequestOut, summary="Agree", tags=["requests"])
def approve(request_id: str, signed: ConsentIn, call: Here) -> Response:
    """Agree to exactly this request."""
    return _decide(request_id, Decision.APPROVE, signed, call)


@router.post("/v1/requests/{request_id}/reject", response_model=RequestOut, summary="Refuse", tags=["requests"])
def reject(request_id: str, signed: ConsentIn, call: Here) -> Response:
    """Refuse this request; one refusal is enough, until it is carried out."""
    return _decide(request_id, Decision.REJECT, signed, call)


@router.post(
    "/v1/updates/{update_id}/anchor",
    response_model=RequestOut,
    status_code=201,
    summary="Ask for the anchor",
    tags=["requests"],
)
def anchor(update_id: str, signed: SignedIn, call: Here) -> Response:
    """Ask to make an update the anchor, and sign for it."""
    policy = call.service.policy()

    def ask(workspace: Workspace) -> Asked:
        require_domain(call, policy)
        key = own_signature(call, signed.envelopes)
        return move_anchor(
            workspace, update_id, person=call.caller.principal.name, policy=policy, key=key, reason=signed.reason
        )

    return _ask(update_id, call, ask)


@router.post(
    "/v1/updates/{update_id}/break-glass",
    response_model=RequestOut,
    status_code=201,
    summary="Ask to break the glass",
    tags=["requests"],
)
def break_glass(update_id: str, asked: GlassIn, call: Here) -> Response:
    """Ask to put a blocked update live for a limited time, and sign for it and for the way back."""
    policy = call.service.policy()

    def ask(workspace: Workspace) -> Asked:
        return glass.break_glass(
            workspace,
            update_id,
            person=call.caller.principal.name,
            policy=policy,
            key=own_signature(call, asked.envelopes),
            incident=asked.incident,
            justification=asked.justification,
            hours=asked.hours,
        )

    return _ask(update_id, call, ask)


@router.post(
    "/v1/updates/{update_id}/review",
    response_model=RequestOut,
    status_code=201,
    summary="Ask to keep it",
    tags=["requests"],
)
def review(update_id: str, asked: ReviewIn, call: Here) -> Response:
    """Ask to keep what two administrators put live over its verdict, and sign for it."""
    policy = call.service.policy()

    def ask(workspace: Workspace) -> Asked:
        return glass.review(
            workspace,
            update_id,
            person=call.caller.principal.name,
            policy=policy,
            key=own_signature(call, asked.envelopes),
            justification=asked.justification,
        )

    return _ask(update_id, call, ask)


def _ask(update_id: str, call: Call, ask: Callable[[Workspace], Asked]) -> Response:
    def act() -> Response:
        workspace = call.service.settled()
        with call.service.turn(update_id):
            require_seen(workspace, call, update_id, None)
            with nothing_wrong_with_the_payload():
                made = ask(workspace).request
        location = {"Location": f"/v1/requests/{made}"}
        return answer(_request(workspace, made), status=201, tagged=True, headers=location)

    return call.once(act)


def _decide(request_id: str, decision: Decision, signed: ConsentIn, call: Call) -> Response:
    def act() -> Response:
        workspace, policy = call.service.settled(), call.service.policy()
        with call.service.turn(request_id):
            request = _request(workspace, request_id)
            call.require_match(etag_of(request))
            if request.action == PromotionKind.ANCHOR:
                require_domain(call, policy)
            elif Role.ADMIN not in call.caller.words:
                raise Problem("not-allowed", "Administrators decide about this.", hint="Use an administrator's token.")
            key = signature(call, signed.envelopes)
            with nothing_wrong_with_the_payload():
                decide(
                    workspace,
                    request_id,
                    decision,
                    person=call.caller.principal.name,
                    policy=policy,
                    key=key,
                    comment=signed.reason,
                )
        return answer(_request(workspace, request_id), tagged=True)

    return call.once(act)


def _request(workspace: Workspace, request_id: str) -> RequestOut:
    with workspace.store.reading() as session:
        return request_out(session, request_at(session, request_id))
