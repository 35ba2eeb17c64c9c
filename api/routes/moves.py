"""What moves production: promote, go back, revoke."""

from starlette.responses import Response

from api.calls import Here, answer, etag_of
from api.finding import model_at, nothing_wrong_with_the_payload, require_domain, require_seen
from api.guard import guarded_router
from api.payloads import PromotionIn, SignedIn
from api.routes.models import model_out
from api.shapes.decisions import PromotedOut, RevokedOut, ToSignOut
from api.signatures import require_complete, to_sign_out
from api.signed_in import own_signature
from gatekeeper.pipeline import to_sign
from gatekeeper.pipeline.moves import Promoted
from gatekeeper.pipeline.promote import promote as move_alias
from gatekeeper.pipeline.revoke import revoke as take_away
from gatekeeper.pipeline.rollback import rollback as go_back

router = guarded_router()


@router.post("/v1/updates/{update_id}/promote", response_model=PromotedOut, summary="Promote", tags=["moves"])
def promote(update_id: str, promotion: PromotionIn, call: Here) -> Response:
    """Point the champion to an approved update, with a passport; everything it rests on is checked once more."""

    def act() -> Response:
        with call.service.turn(update_id):
            workspace, policy = call.service.settled(), call.service.policy()
            require_seen(workspace, call, update_id, promotion.seen)
            with call.service.moving(), nothing_wrong_with_the_payload():
                return answer(_promoted(move_alias(workspace, update_id, policy=policy)))

    return call.once(act)


@router.post("/v1/updates/{update_id}/revoke", response_model=RevokedOut, summary="Revoke", tags=["moves"])
def revoke(update_id: str, signed: SignedIn, call: Here) -> Response:
    """Put an update's bytes on the signed revocation list; the live one is rolled back first."""

    def act() -> Response:
        with call.service.turn(update_id):
            workspace, policy = call.service.settled(), call.service.policy()
            require_seen(workspace, call, update_id, None)
            require_domain(call, policy)
            key = own_signature(call, signed.envelopes)
            with call.service.moving(), nothing_wrong_with_the_payload():
                require_complete(key, to_sign.revocation(workspace, update_id))
                revoked = take_away(
                    workspace,
                    update_id,
                    person=call.caller.principal.name,
                    policy=policy,
                    key=key,
                    reason=signed.reason,
                )
        return answer(RevokedOut(update=revoked.update, live=revoked.live, published=revoked.published))

    return call.once(act)


@router.get("/v1/models/{model}/to-sign", response_model=ToSignOut, summary="What to sign to go back", tags=["moves"])
def what_to_sign(model: str, call: Here) -> Response:
    """Return what a decision to go back would have to say, word for word."""
    workspace = call.service.workspace
    with workspace.store.reading() as session:
        model_at(session, model)
    with nothing_wrong_with_the_payload():
        return answer(to_sign_out((to_sign.going_back(workspace, model),)))


@router.post("/v1/models/{model}/rollback", response_model=PromotedOut, summary="Roll back", tags=["moves"])
def rollback(model: str, signed: SignedIn, call: Here) -> Response:
    """Point the champion to the version that was admitted before the live one."""

    def act() -> Response:
        workspace, policy = call.service.settled(), call.service.policy()
        with call.service.turn(f"model {model}"):
            call.require_match(etag_of(model_out(workspace, model)))
            require_domain(call, policy)
            key = own_signature(call, signed.envelopes)
            with call.service.moving(), nothing_wrong_with_the_payload():
                promoted = go_back(
                    workspace,
                    model,
                    person=call.caller.principal.name,
                    policy=policy,
                    key=key,
                    reason=signed.reason,
                )
        return answer(_promoted(promoted))

    return call.once(act)


def _promoted(promoted: Promoted) -> PromotedOut:
    return PromotedOut(
        model=promoted.model,
        version=promoted.version,
        aliases=list(promoted.aliases),
        previous=promoted.previous,
    )
