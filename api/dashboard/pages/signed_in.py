"""One's own sign-in: since when, by what, for how long; a token for it, and the end of every session of one's own."""

from datetime import timedelta

from starlette.responses import RedirectResponse, Response

from api.dashboard.showing import show
from api.dashboard.visit import Visit
from api.problems import Problem
from api.signed_in import require_recent_log_in
from audits.passport.binding import instant


def signed_in(visit: Visit) -> Response:
    """Show who is signed in, and how."""
    return _shown(visit)


def act(visit: Visit) -> Response:
    """Make a token for this log-in, or end every session.

    Raises:
        Problem: there is no such thing to do, or the log-in is too old for a token.
    """
    match visit.form.get("do"):
        case "token":
            return _shown(visit, token=_token(visit))
        case "end":
            visit.service.sessions.end_all(visit.session.holder)
            return RedirectResponse("/sign-in", status_code=303)
    raise Problem("not-found", "There is no such thing to do.")


def _token(visit: Visit) -> str:
    policy, log_in = visit.service.settings.log_in, visit.caller.log_in
    if policy is None or log_in is None:
        raise Problem("not-allowed", "Only a log-in gives a token.", hint="Sign in by way of the provider.")
    require_recent_log_in(visit.caller, policy)
    ends = instant(log_in.auth_time) + timedelta(minutes=policy.minutes)
    return visit.service.sessions.begin_bearer(visit.session, ends=ends)


def _shown(visit: Visit, *, token: str | None = None) -> Response:
    policy, provider = visit.service.settings.log_in, visit.service.settings.provider
    return show(
        visit,
        "signed_in",
        title="Signed in",
        by=provider.settings.name if provider is not None and visit.session.token is None else None,
        since=None if visit.caller.log_in is None else instant(visit.caller.log_in.auth_time),
        ends=visit.session.ends,
        minutes=None if policy is None else f"{policy.minutes:g}",
        token=token,
    )
