"""What people decide: they sign where their key is, and send the envelope."""

from typing import Annotated, Final, Literal, TypeAlias

from fastapi import Query
from starlette.responses import Response

from api.calls import Call, Here, answer
from api.finding import nothing_wrong_with_the_payload, require_domain, require_seen, seen_now, update_at
from api.guard import guarded_router
from api.payloads import ChangesIn, DecisionIn, WithdrawalIn
from api.shapes.decisions import ToSignOut
from api.shapes.updates import UpdateOut
from api.signatures import to_sign_out
from api.signed_in import signature
from audits.passport.decision import SignedDecision
from gatekeeper.pipeline import to_sign
from gatekeeper.pipeline.approve import approve as give
from gatekeeper.pipeline.approve import reject as refuse
from gatekeeper.pipeline.approve import request_changes as send_back
from gatekeeper.pipeline.withdraw import withdraw as take_back
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store.tables import Decision

router = guarded_router()

Action: TypeAlias = Literal[
    "approve", "reject", "request-changes", "waive", "revoke", "anchor", "break-glass", "review"
]


_STEPS: Final = {Decision.APPROVE: give, Decision.REJECT: refuse, Decision.REQUEST_CHANGES: send_back}


@router.get("/v1/updates/{update_id}/to-sign", response_model=ToSignOut, summary="What to sign", tags=["decisions"])
def what_to_sign(
    update_id: str,
    call: Here,
    action: Annotated[Action, Query()] = "approve",
    hours: Annotated[float, Query(gt=0, le=72, description="For `break-glass`: as they will be asked for.")] = 72,
    code: Annotated[str, Query(max_length=200, pattern=r"^[^\x00]*$", description="For `waive`: of the reason.")] = "",
    days: Annotated[
        float | None, Query(gt=0, le=90, description="For `waive`: for how long; by default as the policy allows.")
    ] = None,
) -> Response:
    """Return what a decision would have to say, word for word. Compare its digests with what was looked at."""
    workspace = call.service.workspace
    with workspace.store.reading() as session:
        update_at(session, update_id)
    with nothing_wrong_with_the_payload():
        if action == "waive":
            signed = to_sign.waiver(workspace, update_id, code, policy=call.service.policy(), days=days)
            return answer(to_sign_out((signed,)))
        return answer(to_sign_out(_to_sign(workspace, call, update_id, action=action, hours=hours)))


def _to_sign(
    workspace: Workspace, call: Call, update_id: str, *, action: Action, hours: float
) -> tuple[SignedDecision, ...]:
    policy, person = call.service.policy(), call.caller.principal.name
    match action:
        case "approve" | "reject" | "request-changes":
            return (to_sign.approval(workspace, update_id, Decision(action), policy=policy),)
        case "revoke":
            return to_sign.revocation(workspace, update_id)
        case "anchor":
            return (to_sign.anchoring(workspace, update_id, policy=policy),)
        case "break-glass":
            return to_sign.breaking(workspace, update_id, person=person, hours=hours)
        case "review":
            return (to_sign.reviewing(workspace, update_id),)
        case "waive":
            raise RuntimeError("a waiver is about a finding")


@router.post("/v1/updates/{update_id}/approve", response_model=UpdateOut, summary="Approve", tags=["decisions"])
def approve(update_id: str, decision: DecisionIn, call: Here) -> Response:
    """Agree to exactly these bytes, this policy and this evidence."""
    return _decide(update_id, Decision.APPROVE, decision, call)


@router.post("/v1/updates/{update_id}/reject", response_model=UpdateOut, summary="Reject", tags=["decisions"])
def reject(update_id: str, decision: DecisionIn, call: Here) -> Response:
    """Refuse it; one refusal is enough, and it is final."""
    return _decide(update_id, Decision.REJECT, decision, call)


@router.post(
    "/v1/updates/{update_id}/request-changes",
    response_model=UpdateOut,
    summary="Request changes",
    tags=["decisions"],
)
def request_changes(update_id: str, decision: ChangesIn, call: Here) -> Response:
    """Send it back with what should be different; its proposer answers with another update."""
    sent = DecisionIn(envelope=decision.envelope, seen=decision.seen, comment=decision.comment)
    return _decide(update_id, Decision.REQUEST_CHANGES, sent, call)


@router.post("/v1/updates/{update_id}/withdraw", response_model=UpdateOut, summary="Withdraw", tags=["decisions"])
def withdraw(update_id: str, withdrawal: WithdrawalIn, call: Here) -> Response:
    """Take one's own proposal back, before its promotion begins."""

    def act() -> Response:
        workspace = call.service.settled()
        with call.service.turn(update_id):
            require_seen(workspace, call, update_id, withdrawal.seen)
            with nothing_wrong_with_the_payload():
                take_back(workspace, update_id, person=call.caller.principal.name, comment=withdrawal.comment)
        return answer(seen_now(workspace, call, update_id), tagged=True)

    return call.once(act)


def _decide(update_id: str, decision: Decision, sent: DecisionIn, call: Call) -> Response:
    def act() -> Response:
        workspace, policy = call.service.settled(), call.service.policy()
        step = _STEPS[decision]
        with call.service.turn(update_id):
            require_seen(workspace, call, update_id, sent.seen)
            require_domain(call, policy)
            key = signature(call, () if sent.envelope is None else (sent.envelope,))
            with nothing_wrong_with_the_payload():
                step(
                    workspace,
                    update_id,
                    person=call.caller.principal.name,
                    policy=policy,
                    key=key,
                    comment=sent.comment,
                )
        return answer(seen_now(workspace, call, update_id), tagged=True)

    return call.once(act)
