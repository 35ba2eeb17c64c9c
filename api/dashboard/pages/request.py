"""One request beside ordinary promotions: what is asked for and why, who agreed, and the form to decide with."""

import shlex
from typing import Final
from urllib.parse import quote

from starlette.responses import RedirectResponse, Response

from api.calls import etag_of
from api.dashboard.choices import choices_on
from api.dashboard.sending import refusal_of, send_about_request
from api.dashboard.showing import show
from api.dashboard.visit import Visit
from api.problems import ProblemOut
from api.routes import requests, updates
from api.shapes.decisions import RequestOut
from api.shapes.updates import UpdateOut

_WORDS: Final = {
    "anchor": "Move the anchor to",
    "break-glass": "Break the glass for",
    "review": "Keep, over its verdict,",
    "rollback": "Go back to",
    "revoke": "Revoke",
}


def request(visit: Visit) -> Response:
    """Show one request."""
    return _shown(visit)


def back(visit: Visit) -> Response:
    """Lead from the address that a decision is sent to, when it is only opened, to the request."""
    return RedirectResponse(f"/requests/{quote(visit.named['request_id'], safe='')}", status_code=303)


def decide(visit: Visit) -> Response:
    """Take the signed decision that a form carries."""
    problem = refusal_of(visit, lambda: send_about_request(visit, visit.named["request_id"], visit.named["action"]))
    return back(visit) if problem is None else _shown(visit, problem=problem)


def _shown(visit: Visit, *, problem: ProblemOut | None = None) -> Response:
    asked = visit.ask(
        "GET", "/v1/requests/{request_id}", requests.one_request, RequestOut, request_id=visit.named["request_id"]
    )
    row = visit.ask("GET", "/v1/updates/{update_id}", updates.one_update, UpdateOut, update_id=asked.update)
    return show(
        visit,
        "request",
        title=f"{_WORDS.get(asked.action, asked.action)} {row.name or row.id}",
        what=_WORDS.get(asked.action, asked.action),
        status=200 if problem is None else problem.status,
        asked=asked,
        update=row,
        etag=etag_of(asked),
        update_etag=etag_of(row),
        choices=choices_on(visit, asked),
        may_promote=asked.state == "APPROVED" and visit.may("POST", "/v1/updates/{update_id}/promote"),
        quoted_name=shlex.quote(visit.caller.principal.name),
        problem=problem,
        written=visit.form.get("comment", ""),
        tried=visit.named.get("action"),
    )
