"""Who calls: a token, the person it was made for, and what that person may still do.

A token gives no more than its holder has in ``principals.toml`` at the moment of the call: whoever leaves the project,
or loses a role there, loses it here at once.
"""

import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from api.permissions import Role, words_for
from api.problems import Problem
from api.settings import LoneUser
from audits.passport.log_in import LogIn
from gatekeeper.core.digests import sha256_bytes
from gatekeeper.pipeline.principal import Principal
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import people, tokens
from gatekeeper.store.tables import TokenRow

CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="gatekeeper"'}
_LONGEST: Final = 256
LONE: Final = "lone"
"""Id of the token of single-user mode."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Somebody whose token counts."""

    principal: Principal
    token: str
    """Id of the token."""
    holder: str
    """What answers under an ``Idempotency-Key`` are kept for."""
    words: frozenset[str]
    """Roles that the token gives now, such as ``approver:safety``."""
    log_in: LogIn | None = None
    """What was verified of the person's log-in; ``None`` for whoever comes with a token."""


def caller_of(
    workspace: Workspace, authorization: str | None, lone: LoneUser | None, *, now: datetime | None = None
) -> Caller:
    """Return who calls.

    Raises:
        Problem: there is no token that counts; it never says why one does not.
    """
    scheme, _, token = (authorization or "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not token or len(token) > _LONGEST:
        raise Problem(
            "no-token",
            "The request carries no token.",
            hint="Send Authorization: Bearer gk_….",
            headers=CHALLENGE,
        )
    if lone is not None and hmac.compare_digest(sha256_bytes(token.encode()), lone.digest):
        return lone_caller(workspace, lone)
    moment = now or datetime.now(UTC)
    with workspace.store.reading() as session:
        row = tokens.find(session, token)
        name = None if row is None else people.display_name(session, row.holder)
    principal = None if name is None else principal_named(workspace, name)
    if row is None or principal is None or row.revoked is not None or row.expires <= moment:
        raise Problem(
            "no-token",
            "The token does not count.",
            hint="An administrator makes another: gatekeeper token create.",
            headers=CHALLENGE,
        )
    _note(workspace, row, moment)
    given = frozenset(str(word) for word in row.roles) if isinstance(row.roles, list) else frozenset()
    return Caller(principal=principal, token=row.id, holder=row.holder, words=given & words_for(principal.roles))


def lone_caller(workspace: Workspace, lone: LoneUser) -> Caller:
    """Return the one user of a service without tokens."""
    principal = principal_named(workspace, lone.person) or Principal(name=lone.person, roles=())
    words = words_for(principal.roles) | {Role.AUDITOR.value}
    return Caller(principal=principal, token=LONE, holder=LONE, words=words)


def principal_named(workspace: Workspace, name: str) -> Principal | None:
    """Return the person of that name, however it is spelled; ``None`` for somebody unknown."""
    known = workspace.lookup(name)
    return next((each for each in workspace.principals.values() if workspace.lookup(each.name) == known), None)


def _note(workspace: Workspace, row: TokenRow, moment: datetime) -> None:
    if not tokens.is_noted(row, now=moment):
        with workspace.store.transaction() as session:
            tokens.used(session, row.id, now=moment)
