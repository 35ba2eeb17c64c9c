"""Who has signed in: what a session's person may still do, and whether their log-in is recent enough to decide.

A session gives no more than its person has in ``principals.toml`` at the moment of the call. One that was begun with a
token ends with it; one that was begun with a log-in ends when ``principals.toml`` names another log-in for the person.
"""

import hmac
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final, Literal

from pydantic import TypeAdapter, ValidationError

from api.calls import Call
from api.dashboard.sessions import BEARER, Session
from api.federation.workloads import ALLOWED, not_counted
from api.identity import CHALLENGE, LONE, Caller, lone_caller, principal_named
from api.permissions import words_for
from api.problems import Problem
from api.service import Service, log
from api.settings import LogInPolicy, LoneUser
from api.signatures import signed_by
from audits.passport.log_in import LogIn
from gatekeeper.core.digests import canonical
from gatekeeper.pipeline.log_in import is_recent, subject_in
from gatekeeper.pipeline.signatures import OverLogIn, SignedElsewhere, SigningKey
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import people
from gatekeeper.store.tables import TokenRow

if TYPE_CHECKING:
    from api.dashboard.visit import Visit

_LOG_IN: Final = TypeAdapter(LogIn)
_OWN_KEY: Final = "Sign with your own key: GET …/to-sign says what, `gatekeeper key sign` does it."


def caller_signed_in(
    workspace: Workspace, session: Session, lone: LoneUser | None, *, now: datetime | None = None
) -> Caller | None:
    """Return who has signed in; ``None`` where the session counts no more."""
    if session.token is None:
        return _by_log_in(workspace, session)
    if lone is not None and hmac.compare_digest(session.token, lone.digest):
        return lone_caller(workspace, lone)
    with workspace.store.reading() as reading:
        row = reading.get(TokenRow, session.token)
        name = None if row is None else people.display_name(reading, row.holder)
    principal = None if name is None else principal_named(workspace, name)
    if row is None or principal is None or row.revoked is not None or row.expires <= (now or datetime.now(UTC)):
        return None
    given = frozenset(str(word) for word in row.roles) if isinstance(row.roles, list) else frozenset()
    return Caller(principal=principal, token=row.id, holder=row.holder, words=given & words_for(principal.roles))


def federated(service: Service, authorization: str | None) -> Caller | None:
    """Return who calls with a token of their log-in, or of their job's platform; ``None`` for any other token.

    Raises:
        Problem: the token does not count.
    """
    scheme, _, token = (authorization or "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer":
        return None
    if token.startswith(BEARER):
        session = service.sessions.find(token, bearer=True)
        caller = None if session is None else _by_log_in(service.workspace, session)
        if caller is None:
            raise Problem(
                "no-token", "The token does not count.", hint="Log in again on the pages.", headers=CHALLENGE
            )
        return caller
    if service.settings.workloads is not None and token.count(".") == 2:
        return _workload(service.workspace, service.settings.workloads.person(token))
    return None


def _workload(workspace: Workspace, name: str) -> Caller:
    """Return the program of that name, where it may decide nothing.

    Raises:
        Problem: it may, or is nobody.
    """
    principal = principal_named(workspace, name)
    if principal is None or not principal.roles or not set(principal.roles) <= ALLOWED:
        log.warning("the workload %s may decide, or is not among the people", name)
        raise not_counted()
    with workspace.store.reading() as session:
        holder = workspace.pseudonym(session, principal.name)
    if holder is None:
        with workspace.store.transaction() as session:
            holder = workspace.remember(session, principal.name)
    words = words_for(principal.roles) & ALLOWED
    return Caller(principal=principal, token=f"workload-{holder[-16:]}", holder=holder, words=words)


def token_of(caller: Caller, lone: LoneUser | None) -> str:
    """Return what stands for a caller's token in their session."""
    return lone.digest if lone is not None and caller.token == LONE else caller.token


def _by_log_in(workspace: Workspace, session: Session) -> Caller | None:
    with workspace.store.reading() as reading:
        name = people.display_name(reading, session.holder)
        principal = None if name is None else principal_named(workspace, name)
        subject = None if principal is None else subject_in(reading, workspace.pseudonym_key, principal)
    if principal is None or subject is None or session.log_in.get("subject") != subject:
        return None
    try:
        log_in = _LOG_IN.validate_json(canonical(dict(session.log_in)))
    except ValidationError:  # the provider did not say when: good for reading, and for no decision
        log_in = None
    return Caller(
        principal=principal,
        token=session.id,
        holder=session.holder,
        words=words_for(principal.roles),
        log_in=log_in,
    )


def has_recent_log_in(caller: Caller, policy: LogInPolicy, *, now: datetime | None = None) -> bool:
    """Return whether somebody logged in recently enough to decide."""
    return caller.log_in is not None and is_recent(
        caller.log_in, minutes=policy.minutes, moment=now or datetime.now(UTC)
    )


def require_recent_log_in(caller: Caller, policy: LogInPolicy) -> None:
    """Return when somebody logged in recently enough to decide.

    Raises:
        Problem: they did not; the answer says so as RFC 9470 describes.
    """
    if not has_recent_log_in(caller, policy):
        seconds = int(timedelta(minutes=policy.minutes).total_seconds())
        raise Problem(
            "log-in-needed",
            f"Deciding takes a log-in within the last {policy.minutes:g} minutes.",
            hint="Log in again on the pages; there you get a token for this log-in as well.",
            headers={
                "WWW-Authenticate": 'Bearer realm="gatekeeper", error="insufficient_user_authentication", '
                f'error_description="A more recent log-in is required", max_age="{seconds}"'
            },
        )


def by_log_in(visit: "Visit") -> Literal["now", "again"] | None:
    """Return whether a visitor can decide without a signature: at once, or after another log-in; ``None``: not at all.

    Whether verifiers accept it the pipeline asks.
    """
    service, policy = visit.service, visit.service.settings.log_in
    if policy is None or service.workspace.notary.log_in is None or visit.session.token is not None:
        return None
    if not policy.approves & set(visit.caller.principal.roles):
        return None
    return "now" if has_recent_log_in(visit.caller, policy) else "again"


def own_signature(call: Call, envelopes: Sequence[str]) -> SignedElsewhere:
    """Return envelopes as their person's signature, where a signature alone is enough or the log-in is recent.

    Raises:
        Problem: the person has no key, it did not sign one of them, or their log-in is too old.
    """
    policy = call.service.settings.log_in
    if policy is not None and policy.always:
        require_recent_log_in(call.caller, policy)
    return signed_by(call.caller.principal, envelopes)


def signature(call: Call, envelopes: Sequence[str]) -> SigningKey:
    """Return what signs a decision: its person, where they sent envelopes, else the service over their log-in.

    Raises:
        Problem: neither counts.
    """
    if envelopes:
        return own_signature(call, envelopes)
    return over_log_in(call.service.workspace, call.caller, call.service.settings.log_in)


def over_log_in(workspace: Workspace, caller: Caller, policy: LogInPolicy | None) -> OverLogIn:
    """Return what signs a person's decision over their log-in; whether verifiers take it the pipeline asks.

    Raises:
        Problem: nobody decides that way here, this person does not, or their log-in is too old.
    """
    if policy is None or workspace.notary.log_in is None or not set(policy.approves) & set(caller.principal.roles):
        raise Problem("bad-signature", "Deciding here takes your own signature.", hint=_OWN_KEY)
    require_recent_log_in(caller, policy)
    if caller.log_in is None:
        raise RuntimeError("a log-in that is recent is none")
    return OverLogIn(key=workspace.notary.log_in, log_in=caller.log_in)
