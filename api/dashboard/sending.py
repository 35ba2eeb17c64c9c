"""From a form that a page sent to the function that answers the same over REST."""

from collections.abc import Callable
from typing import Final, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.responses import Response

from api.dashboard.choices import envelopes_of
from api.dashboard.visit import Refused, Visit
from api.payloads import ChangesIn, ConsentIn, DecisionIn, PromotionIn, SeenIn, WaiverIn, WithdrawalIn
from api.problems import Problem, ProblemOut, response_for
from api.routes import decisions, moves, requests, waivers
from api.shapes.decisions import PromotedOut, RequestOut
from api.shapes.updates import UpdateOut
from api.shapes.waivers import AcceptedOut
from gatekeeper.core.errors import GatekeeperError

Payload = TypeVar("Payload", bound=BaseModel)


def refusal_of(visit: Visit, send: Callable[[], None]) -> ProblemOut | None:
    """Do what a form asks for; return why it was refused, for the page to show, or ``None``.

    Raises:
        Problem: what the form is about does not exist.
    """
    try:
        send()
    except Refused as refused:
        return refused.problem
    except (Problem, GatekeeperError) as error:
        if isinstance(error, Problem) and error.kind.code == "not-found":
            raise
        return ProblemOut.model_validate_json(bytes(response_for(error, visit.request_id).body))
    return None


def send_about_update(visit: Visit, update_id: str, action: str) -> None:
    """Do what a form on an update's page asks for.

    Raises:
        Problem: there is no such form, a field is wrong, or the route finds something wrong.
        Refused: the route says so in an answer.
    """
    sender = _SENDERS.get(action)
    if sender is None:
        raise Problem("not-found", "There is no such decision.")
    sender(visit, update_id)


def send_about_request(visit: Visit, request_id: str, action: str) -> None:
    """Decide about a request as a form on its page asks for.

    Raises:
        Problem, Refused: as :func:`send_about_update`.
    """
    route = {"approve": requests.approve, "reject": requests.reject}.get(action)
    if route is None:
        raise Problem("not-found", "There is no such decision.")
    signed = _read(
        lambda: ConsentIn(envelopes=envelopes_of(list(visit.form.items())), reason=visit.form.get("comment", ""))
    )
    visit.ask(
        "POST",
        f"/v1/requests/{{request_id}}/{action}",
        route,
        RequestOut,
        etag=visit.form.get("etag", ""),
        request_id=request_id,
        signed=signed,
    )


def _decide(action: str) -> Callable[[Visit, str], None]:
    route: dict[str, Callable[..., Response]] = {
        "approve": decisions.approve,
        "reject": decisions.reject,
        "request-changes": decisions.request_changes,
    }
    shape: dict[str, type[DecisionIn | ChangesIn]] = {"request-changes": ChangesIn}

    def send(visit: Visit, update_id: str) -> None:
        form = visit.form
        payload = _read(
            lambda: shape.get(action, DecisionIn)(
                envelope=None if form.get("by") == "log-in" else form.get("envelope", "").strip(),
                seen=_seen(visit),
                comment=form.get("comment", ""),
            )
        )
        _ask(visit, update_id, action, route[action], UpdateOut, decision=payload)

    return send


def _waive(visit: Visit, update_id: str) -> None:
    form = visit.form
    payload = _read(
        lambda: WaiverIn(
            envelope=form.get("envelope", "").strip(),
            seen=_seen(visit),
            code=form.get("code", ""),
            because=form.get("because", ""),
        )
    )
    _ask(visit, update_id, "waive", waivers.accept, AcceptedOut, waiver=payload)


def _withdraw(visit: Visit, update_id: str) -> None:
    payload = _read(lambda: WithdrawalIn(seen=_seen(visit), comment=visit.form.get("comment", "")))
    _ask(visit, update_id, "withdraw", decisions.withdraw, UpdateOut, withdrawal=payload)


def _promote(visit: Visit, update_id: str) -> None:
    payload = _read(lambda: PromotionIn(seen=_seen(visit)))
    _ask(visit, update_id, "promote", moves.promote, PromotedOut, promotion=payload)


_SENDERS: Final = {
    **{action: _decide(action) for action in ("approve", "reject", "request-changes")},
    "waive": _waive,
    "withdraw": _withdraw,
    "promote": _promote,
}


def _ask(
    visit: Visit,
    update_id: str,
    action: str,
    route: Callable[..., Response],
    shape: type[BaseModel],
    **payload: object,
) -> None:
    visit.ask(
        "POST",
        f"/v1/updates/{{update_id}}/{action}",
        route,
        shape,
        etag=visit.form.get("etag", ""),
        update_id=update_id,
        **payload,
    )


def _seen(visit: Visit) -> SeenIn:
    return SeenIn(
        update_digest=visit.form.get("update_digest", ""),
        policy_digest=visit.form.get("policy_digest") or None,
        evidence_digest=visit.form.get("evidence_digest") or None,
    )


def _read(make: Callable[[], Payload]) -> Payload:
    """Return the form as the route takes it.

    Raises:
        Problem: a field is not what the route describes.
    """
    try:
        return make()
    except ValidationError as error:
        fields = ", ".join(sorted({str(each["loc"][0]) if each["loc"] else "form" for each in error.errors()}))
        raise Problem(
            "payload", f"These fields are not as they should be: {fields}.", hint="Paste the whole signed envelope."
        ) from error
