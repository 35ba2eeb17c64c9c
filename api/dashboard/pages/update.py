"""One update: what it is, what was measured, what was decided, and the form that a decision is sent with."""

import shlex
from dataclasses import dataclass
from urllib.parse import quote

from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from api.calls import etag_of
from api.dashboard.evidence import Evidence, evidence_of
from api.dashboard.showing import show
from api.dashboard.visit import Refused, Visit
from api.payloads import DecisionIn, SeenIn
from api.permissions import route_for
from api.problems import Problem, ProblemOut, response_for
from api.routes import decisions, updates
from api.shapes.decisions import DecisionsOut, ToSignOut
from api.shapes.updates import UpdateOut
from api.signed_in import by_log_in
from gatekeeper.core.digests import canonical
from gatekeeper.core.errors import GatekeeperError

SHOWN = 200
"""Flagged rows, files and tensors on the page; the service's route has all."""

_ACTIONS = ("approve", "reject")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One decision that the reader may take now."""

    action: str
    """``approve`` or ``reject``."""
    document: str
    """What has to be signed, byte for byte."""
    payload_type: str


def update(visit: Visit) -> Response:
    """Show one update."""
    return _shown(visit)


def back(visit: Visit) -> Response:
    """Lead from the address that a decision is sent to, when it is only opened, to the update."""
    return RedirectResponse(f"/updates/{quote(visit.named['update_id'], safe='')}", status_code=303)


def decide(visit: Visit) -> Response:
    """Take the signed decision that a form carries, about exactly the digests that were in view."""
    id_, action = visit.named["update_id"], visit.named["action"]
    route = {"approve": decisions.approve, "reject": decisions.reject}.get(action)
    if route is None:
        raise Problem("not-found", "There is no such decision.")
    try:
        visit.ask(
            "POST",
            f"/v1/updates/{{update_id}}/{action}",
            route,
            UpdateOut,
            etag=visit.form.get("etag", ""),
            update_id=id_,
            decision=_decision(visit),
        )
    except Refused as refused:
        return _shown(visit, problem=refused.problem)
    except (Problem, GatekeeperError) as error:
        said = response_for(error, visit.request_id)
        return _shown(visit, problem=ProblemOut.model_validate_json(bytes(said.body)))
    return back(visit)


def _shown(visit: Visit, *, problem: ProblemOut | None = None) -> Response:
    id_ = visit.named["update_id"]
    row = visit.ask("GET", "/v1/updates/{update_id}", updates.one_update, UpdateOut, update_id=id_)
    given = visit.ask("GET", "/v1/updates/{update_id}/approvals", updates.decisions, DecisionsOut, update_id=id_)
    evidence = None if row.outcome is None else evidence_of(visit, id_)
    return show(
        visit,
        "update",
        title=row.name or row.id,
        status=200 if problem is None else problem.status,
        update=row,
        etag=etag_of(row),
        evidence=evidence,
        most=SHOWN,
        sees_rows=visit.sees_rows,
        given=given.items,
        choices=_choices(visit, row, evidence),
        by_log_in=by_log_in(visit),
        may_decide=visit.may("POST", "/v1/updates/{update_id}/approve"),
        quoted_name=shlex.quote(visit.caller.principal.name),
        problem=problem,
        comment=visit.form.get("comment", ""),
        tried=visit.named.get("action"),
    )


def _choices(visit: Visit, row: UpdateOut, evidence: Evidence | None) -> list[Choice]:
    """Return what the reader may decide, as far as their roles say; whether they took part the pipeline asks."""
    if evidence is None or not evidence.explained:
        return []
    found = []
    for action in _ACTIONS:
        path = f"/v1/updates/{{update_id}}/{action}"
        if row.state not in (route_for("POST", path).states or ()) or not visit.may("POST", path):
            continue
        sign = visit.ask(
            "GET",
            "/v1/updates/{update_id}/to-sign",
            decisions.what_to_sign,
            ToSignOut,
            update_id=row.id,
            action=action,
        )
        (document,) = sign.decisions
        found.append(Choice(action=action, document=canonical(document).decode(), payload_type=sign.payload_type))
    return found


def _decision(visit: Visit) -> DecisionIn:
    """Return the form as the route takes it.

    Raises:
        Problem: a field is not what the route describes.
    """
    form = visit.form
    try:
        return DecisionIn(
            envelope=None if form.get("by") == "log-in" else form.get("envelope", "").strip(),
            seen=SeenIn(
                update_digest=form.get("update_digest", ""),
                policy_digest=form.get("policy_digest") or None,
                evidence_digest=form.get("evidence_digest") or None,
            ),
            comment=form.get("comment", ""),
        )
    except ValidationError as error:
        fields = ", ".join(str(each["loc"][-1]) for each in error.errors())
        raise Problem(
            "payload", f"These fields are not as they should be: {fields}.", hint="Paste the whole signed envelope."
        ) from error
