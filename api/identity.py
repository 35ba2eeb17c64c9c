"""Who calls: a token, the person it was made for, and what that person may still do.

A token gives no more than its holder has in ``principals.toml`` at the moment of the call: whoever leaves the project,
or loses a role there, loses it here at once.
"""

import hmac
from collections.abc import Mapping
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
from gatekeeper.store import tokens
from gatekeeper.store.tokens import Bearer

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
        row = tokens.bearer(session, token)
    principal = None if row is None or row.name is None else principal_named(workspace, row.name)
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


class _People:
    """The project's people by what finds them, made once for each list of people that was read."""

    def __init__(self) -> None:
        self._made: tuple[Mapping[str, Principal], bytes, dict[str, Principal]] | None = None

    def find(self, workspace: Workspace, name: str) -> Principal | None:
        """Return the one of the workspace's people whose name this is, in whatever spelling."""
        made = self._made
        if made is None or made[0] is not workspace.principals or made[1] != workspace.pseudonym_key:
            by_lookup: dict[str, Principal] = {}
            for each in workspace.principals.values():
                by_lookup.setdefault(workspace.lookup(each.name), each)
            made = self._made = (workspace.principals, workspace.pseudonym_key, by_lookup)
        return made[2].get(workspace.lookup(name))


_PEOPLE: Final = _People()


def principal_named(workspace: Workspace, name: str) -> Principal | None:
    """Return the person of that name, however it is spelled; ``None`` for somebody unknown."""
    return _PEOPLE.find(workspace, name)


def _note(workspace: Workspace, row: Bearer, moment: datetime) -> None:
    if not tokens.is_noted(row, now=moment):
        with workspace.store.transaction() as session:
            tokens.used(session, row.id, now=moment)
