"""One update: what it is, what was measured, what was decided, and the form that a decision is sent with."""

import shlex
from urllib.parse import quote

from starlette.responses import RedirectResponse, Response

from api.calls import etag_of
from api.dashboard.choices import choices_about, steps_about
from api.dashboard.evidence import evidence_of
from api.dashboard.sending import refusal_of, send_about_update
from api.dashboard.showing import show
from api.dashboard.visit import Refused, Visit
from api.problems import Problem, ProblemOut
from api.routes import updates, waivers
from api.shapes.decisions import DecisionsOut
from api.shapes.quarantine import FlaggedRowsOut
from api.shapes.updates import UpdateOut
from api.shapes.waivers import WaiverOut, WaiversOut
from api.signed_in import by_log_in
from gatekeeper.core.errors import GatekeeperError

SHOWN = 200
"""Flagged rows, files and tensors on the page; the service's route has all."""

ROWS = 20
"""Flagged training rows on the page."""


def update(visit: Visit) -> Response:
    """Show one update."""
    return _shown(visit)


def back(visit: Visit) -> Response:
    """Lead from the address that a decision is sent to, when it is only opened, to the update."""
    return RedirectResponse(f"/updates/{quote(visit.named['update_id'], safe='')}", status_code=303)


def decide(visit: Visit) -> Response:
    """Do what a form asks for, about exactly the digests that were in view."""
    problem = refusal_of(visit, lambda: send_about_update(visit, visit.named["update_id"], visit.named["action"]))
    return back(visit) if problem is None else _shown(visit, problem=problem)


def _shown(visit: Visit, *, problem: ProblemOut | None = None) -> Response:
    id_ = visit.named["update_id"]
    row = visit.ask("GET", "/v1/updates/{update_id}", updates.one_update, UpdateOut, update_id=id_)
    given = visit.ask("GET", "/v1/updates/{update_id}/approvals", updates.decisions, DecisionsOut, update_id=id_)
    evidence = None if row.outcome is None else evidence_of(visit, id_)
    rows = _rows(visit, id_)
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
        choices=choices_about(visit, row) if evidence is not None and evidence.explained else [],
        steps=steps_about(visit, row),
        accepted=_accepted(visit, id_),
        rows=rows.items,
        more_rows=rows.next is not None,
        by_log_in=by_log_in(visit),
        may_decide=visit.may("POST", "/v1/updates/{update_id}/approve"),
        quoted_name=shlex.quote(visit.caller.principal.name),
        problem=problem,
        written=visit.form.get("comment", "") or visit.form.get("because", ""),
        tried=visit.named.get("action"),
    )


def _accepted(visit: Visit, update_id: str) -> list[WaiverOut]:
    """Return what people accepted of it, for who may read that."""
    if not visit.may("GET", "/v1/updates/{update_id}/waivers"):
        return []
    path = "/v1/updates/{update_id}/waivers"
    return visit.ask("GET", path, waivers.list_waivers, WaiversOut, update_id=update_id).items


def _rows(visit: Visit, update_id: str) -> FlaggedRowsOut:
    """Return the first flagged rows; none where the lists of the gates cannot be read any more."""
    path = "/v1/updates/{update_id}/rows"
    try:
        return visit.ask("GET", path, updates.flagged, FlaggedRowsOut, update_id=update_id, limit=ROWS)
    except (Problem, Refused, GatekeeperError):
        return FlaggedRowsOut(run="", items=[], next=None)
