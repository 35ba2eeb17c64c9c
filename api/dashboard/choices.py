"""What a reader may do about an update or a request now, as forms.

Roles and states say which forms there are; whether this person may, the pipeline says when a form arrives. A decision
is signed elsewhere: the form shows what has to be signed, byte for byte, and takes the envelope.
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from api.dashboard.visit import Refused, Visit
from api.permissions import route_for
from api.problems import Problem
from api.routes import decisions, requests, waivers
from api.shapes.decisions import RequestOut, ToSignOut
from api.shapes.updates import UpdateOut
from api.shapes.waivers import WaiversOut
from gatekeeper.core.digests import canonical
from gatekeeper.core.errors import GatekeeperError

_PREFIX: Final = "/v1/updates/{update_id}/"
_SIGNED: Final = ("approve", "reject", "request-changes")
_WORDS: Final = {
    "approve": "Agree to exactly this",
    "reject": "Refuse it for good",
    "request-changes": "Send it back to its proposer",
}
_COMMENTS: Final = {"request-changes": "What should be different"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One signed decision that the reader may take now."""

    key: str
    """Unlike any other's on the page."""
    action: str
    """Last part of the address that the form is sent to."""
    title: str
    summary: str
    command: str
    """For a terminal of the installation."""
    documents: tuple[str, ...]
    """What has to be signed, byte for byte, each in an envelope of its own."""
    payload_type: str
    text: str
    """Name of the field for what the reader writes."""
    label: str
    required: bool = False
    """Whether something has to be written."""
    by_log_in: bool = False
    """Whether the service may sign it over a recent log-in."""
    code: str = ""
    """Of the finding that is accepted."""
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing that the reader may do without signing."""

    action: str
    title: str
    summary: str
    command: str
    text: bool
    """Whether the form takes a comment."""


def choices_about(visit: Visit, row: UpdateOut) -> list[Choice]:
    """Return the decisions that a reader may take about an update whose verdict the present policy made."""
    name = shlex.quote(visit.caller.principal.name)
    found = []
    for action in _SIGNED:
        path = _PREFIX + action
        if row.state not in (route_for("POST", path).states or ()) or not visit.may("POST", path):
            continue
        sign = visit.ask(
            "GET", f"{_PREFIX}to-sign", decisions.what_to_sign, ToSignOut, update_id=row.id, action=action
        )
        comment = " --comment TEXT" if action in _COMMENTS else ""
        found.append(
            Choice(
                key=action,
                action=action,
                title=action.replace("-", " ").capitalize(),
                summary=_WORDS[action],
                command=f"gatekeeper {action} {row.id}{comment} --as {name}",
                documents=_documents(sign),
                payload_type=sign.payload_type,
                text="comment",
                label=_COMMENTS.get(action, "Comment"),
                required=action in _COMMENTS,
                by_log_in=True,
            )
        )
    return [*found, *_waivers(visit, row, name)]


def steps_about(visit: Visit, row: UpdateOut) -> list[Step]:
    """Return what a reader may do about an update without signing: take their own back, put it live."""
    found = []
    if _open(visit, row, "withdraw") and row.proposer == visit.caller.principal.name:
        found.append(
            Step(
                action="withdraw",
                title="Withdraw",
                summary="Take your own proposal back",
                command=f"gatekeeper withdraw {row.id}",
                text=True,
            )
        )
    if _open(visit, row, "promote"):
        found.append(
            Step(
                action="promote",
                title="Promote",
                summary="Point the champion to it",
                command=f"gatekeeper promote {row.id}",
                text=False,
            )
        )
    return found


def choices_on(visit: Visit, request: RequestOut) -> list[Choice]:
    """Return the decisions that a reader may take about a request."""
    if request.state not in {"OPEN", "APPROVED"}:
        return []
    found = []
    for action in ("approve", "reject"):
        if not visit.may("POST", f"/v1/requests/{{request_id}}/{action}"):
            continue
        if action == "approve" and request.state != "OPEN":
            continue
        try:
            sign = visit.ask(
                "GET",
                "/v1/requests/{request_id}/to-sign",
                requests.what_to_sign,
                ToSignOut,
                request_id=request.id,
                action=action,
            )
        except (Problem, Refused, GatekeeperError):
            continue  # nothing can be signed about it now
        found.append(
            Choice(
                key=action,
                action=action,
                title=action.capitalize(),
                summary="Agree to exactly that" if action == "approve" else "Refuse it",
                command=f"gatekeeper {action} {request.id} --as {shlex.quote(visit.caller.principal.name)}",
                documents=_documents(sign),
                payload_type=sign.payload_type,
                text="comment",
                label="Comment",
            )
        )
    return found


def _waivers(visit: Visit, row: UpdateOut, name: str) -> list[Choice]:
    """Return the findings that a reader may accept."""
    if not _open(visit, row, "waive"):
        return []
    listed = visit.ask("GET", f"{_PREFIX}waivers", waivers.list_waivers, WaiversOut, update_id=row.id)
    found = []
    for number, each in enumerate(listed.acceptable, start=1):
        if not {f"approver:{role}" for role in each.roles} & visit.caller.words and not (
            set(each.roles) & visit.caller.words
        ):
            continue
        sign = visit.ask(
            "GET",
            f"{_PREFIX}to-sign",
            decisions.what_to_sign,
            ToSignOut,
            update_id=row.id,
            action="waive",
            code=each.code,
        )
        found.append(
            Choice(
                key=f"waive-{number}",
                action="waive",
                title=f"Accept {each.code}",
                summary=f"Accept this finding for {each.days:g} days",
                command=f"gatekeeper waive {row.id} {each.code} --because TEXT --as {name}",
                documents=_documents(sign),
                payload_type=sign.payload_type,
                text="because",
                label="Why it can be accepted",
                required=True,
                code=each.code,
                note=f"{each.text} Accepted by {each.given} of {each.required}. Once enough people did, the verdict "
                "is decided anew, and approvals given before count no more.",
            )
        )
    return found


def _open(visit: Visit, row: UpdateOut, action: str) -> bool:
    path = _PREFIX + action
    return row.state in (route_for("POST", path).states or ()) and visit.may("POST", path)


def _documents(sign: ToSignOut) -> tuple[str, ...]:
    return tuple(canonical(document).decode() for document in sign.decisions)


def envelopes_of(form: Sequence[tuple[str, str]]) -> list[str]:
    """Return the envelopes that a form carries, in the order of their documents."""
    return [value.strip() for name, value in sorted(form) if name == "envelope" or name.startswith("envelope-")]
