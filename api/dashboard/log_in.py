"""Logging in at the provider: there and back again.

What the way back is checked against lies in a cookie of the browser that began: a secret, and when, with what and to
where it set out. The cookie comes along when the provider leads back (``SameSite=Lax``); the session's own never does,
so the page that ends a log-in leads on by itself, as a page of this service.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from api.dashboard.door import SESSION, safe_path
from api.dashboard.forms import cookie, drop_cookie, set_cookie
from api.dashboard.rendering import page
from api.dashboard.sessions import new_cookie, same
from api.federation.fetching import log
from api.federation.provider import FLOW_LASTS, Provider, Verified, state_of
from api.permissions import Role
from api.problems import Problem
from api.service import Service
from audits.passport.binding import written
from gatekeeper.core.digests import Plain
from gatekeeper.pipeline.log_in import subject_in
from gatekeeper.pipeline.principal import AtProvider, Principal
from gatekeeper.pipeline.workspace import Workspace

FLOW: Final = "log-in"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """A log-in under way."""

    secret: str = field(repr=False)
    began: datetime
    again: bool
    """Whether the person is asked to prove who they are, even if the provider knows."""
    onward: str

    def text(self) -> str:
        """Return it as its cookie."""
        onward = base64.urlsafe_b64encode(self.onward.encode()).decode().rstrip("=")
        return f"{self.secret}.{int(self.began.timestamp())}.{int(self.again)}.{onward}"


def read_flow(text: str | None) -> Flow | None:
    """Return the log-in that a cookie tells of; ``None`` where it tells of none."""
    try:
        secret, began, again, onward = (text or "").split(".")
        return Flow(
            secret=secret,
            began=datetime.fromtimestamp(int(began), UTC),
            again=again == "1",
            onward=safe_path(base64.urlsafe_b64decode(onward + "=" * (-len(onward) % 4)).decode("ascii")),
        )
    except (ValueError, OverflowError, OSError, binascii.Error):
        return None


def begin(request: Request, service: Service) -> Response:
    """Send a browser to the provider.

    Raises:
        Problem: there is none, or it does not answer.
    """
    provider = _provider(service)
    flow = Flow(
        secret=new_cookie(),
        began=service.sessions.now(),
        again=request.query_params.get("again") == "1",
        onward=safe_path(request.query_params.get("onward", "/")),
    )
    url = provider.authorization(flow.secret, longest=_longest(service, flow), again=flow.again)
    response = RedirectResponse(url, status_code=303)
    set_cookie(request, response, FLOW, flow.text(), lasts=int(FLOW_LASTS.total_seconds()), samesite="lax")
    return response


def come_back(request: Request, service: Service) -> Response:
    """Take what the provider sent a browser back with; begin a session for whoever logged in.

    Raises:
        Problem: the log-in does not count, nobody here is known by it, or the provider does not answer.
    """
    provider = _provider(service)
    try:
        flow, verified = _finished(request, service, provider)
        workspace = service.workspace
        principal, holder, subject = _known(workspace, verified)
    except Problem as problem:
        if problem.kind.status == 403:
            service.rates.failed(request.client.host if request.client is not None else "unknown")
        raise
    said: dict[str, Plain] = {
        "issuer": verified.issuer,
        "subject": subject,
        "auth_time": None if verified.auth_time is None else written(verified.auth_time),
        "amr": list(verified.amr),
        "acr": verified.acr,
    }
    id_ = service.sessions.begin(holder, log_in=said, former=cookie(request, SESSION))
    response = page(
        "came_back",
        {"title": "Signed in", "person": None, "places": [], "name": principal.name, "onward": flow.onward},
    )
    response.headers["Refresh"] = f"0; url={flow.onward}"
    set_cookie(request, response, SESSION, id_, lasts=int(service.sessions.lasts.total_seconds()))
    drop_cookie(request, response, FLOW)
    return response


def _finished(request: Request, service: Service, provider: Provider) -> tuple[Flow, Verified]:
    answer = _parameters(request)
    flow = read_flow(cookie(request, FLOW))
    now = service.sessions.now()
    if flow is None or not flow.began - timedelta(minutes=1) <= now < flow.began + FLOW_LASTS:
        raise _refused("no log-in of this browser is under way")
    state = state_of(flow.secret)
    if not same(answer.get("state", ""), state):
        raise _refused("it is the answer to another log-in")
    if not service.sessions.first_time(state, lasts=FLOW_LASTS * 2):
        raise _refused("it was answered before")
    verified = provider.finish(
        flow.secret, answer, began=flow.began, longest=_longest(service, flow), again=flow.again
    )
    return flow, verified


def _known(workspace: Workspace, verified: Verified) -> tuple[Principal, str, str]:
    """Return the person whom a log-in names, their pseudonym, and who they are in the record.

    Raises:
        Problem: there is none, or it is a program.
    """
    named = AtProvider(issuer=verified.issuer, claim=verified.claim, value=verified.value)
    found = [person for person in workspace.principals.values() if person.log_in == named]
    if len(found) != 1 or Role.SERVICE in found[0].roles:
        log.warning("a log-in at %s is nobody's here", verified.issuer)
        raise Problem(
            "log-in-refused",
            "Nobody here is known by this log-in.",
            hint="An administrator names you in principals.toml, with log_in.",
        )
    with workspace.store.transaction() as session:
        holder = workspace.remember(session, found[0].name)
        subject = subject_in(session, workspace.pseudonym_key, found[0])
    if subject is None:
        raise RuntimeError("somebody who was just written down is unknown")
    return found[0], holder, subject


def _longest(service: Service, flow: Flow) -> timedelta:
    """Return how long ago a person may have proved who they are: just now, or within what a session lasts."""
    policy = service.settings.log_in
    return timedelta(minutes=policy.minutes) if flow.again and policy is not None else service.sessions.lasts


def _parameters(request: Request) -> Mapping[str, str]:
    """Return the parameters of the way back.

    Raises:
        Problem: one stands there twice, so that two readers could take two values.
    """
    pairs = request.query_params.multi_items()
    if len({name for name, _value in pairs}) < len(pairs):
        raise _refused("a parameter stands there twice")
    return dict(pairs)


def _provider(service: Service) -> Provider:
    if service.settings.provider is None:
        raise Problem("not-found", "Nobody logs in here.", hint="Sign in with a token.")
    return service.settings.provider


def _refused(why: str) -> Problem:
    log.warning("a log-in was refused: %s", why)
    return Problem(
        "log-in-refused",
        "The log-in does not count: it took too long, or is not this browser's.",
        hint="Sign in again.",
    )
