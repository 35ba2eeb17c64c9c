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
from gatekeeper.core.digests import sha256_bytes
from gatekeeper.pipeline.principal import Principal
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import people, tokens
from gatekeeper.store.tables import TokenRow

_CHALLENGE: Final = {"WWW-Authenticate": 'Bearer realm="gatekeeper"'}
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
            headers=_CHALLENGE,
        )
    if lone is not None and hmac.compare_digest(sha256_bytes(token.encode()), lone.digest):
        return _lone(workspace, lone)
    moment = now or datetime.now(UTC)
    with workspace.store.reading() as session:
        row = tokens.find(session, token)
        name = None if row is None else people.display_name(session, row.holder)
    principal = None if name is None else _principal(workspace, name)
    if row is None or principal is None or row.revoked is not None or row.expires <= moment:
        raise Problem(
            "no-token",
            "The token does not count.",
            hint="An administrator makes another: gatekeeper token create.",
            headers=_CHALLENGE,
        )
    _note(workspace, row, moment)
    given = frozenset(str(word) for word in row.roles) if isinstance(row.roles, list) else frozenset()
    return Caller(principal=principal, token=row.id, holder=row.holder, words=given & words_for(principal.roles))


def _lone(workspace: Workspace, lone: LoneUser) -> Caller:
    principal = _principal(workspace, lone.person) or Principal(name=lone.person, roles=())
    words = words_for(principal.roles) | {Role.AUDITOR.value}
    return Caller(principal=principal, token=LONE, holder=LONE, words=words)


def _principal(workspace: Workspace, name: str) -> Principal | None:
    known = workspace.lookup(name)
    return next((each for each in workspace.principals.values() if workspace.lookup(each.name) == known), None)


def _note(workspace: Workspace, row: TokenRow, moment: datetime) -> None:
    if not tokens.is_noted(row, now=moment):
        with workspace.store.transaction() as session:
            tokens.used(session, row.id, now=moment)
