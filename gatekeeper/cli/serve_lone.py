"""The one user of a service that nobody else can reach: single-user mode, on this machine alone."""

import ipaddress
from datetime import UTC, datetime

from api.settings import LoneUser
from gatekeeper.cli.settings import Settings
from gatekeeper.core.digests import sha256_bytes
from gatekeeper.core.errors import UsageError
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import tokens


def lone_user(opened: Workspace, settings: Settings, host: str) -> tuple[LoneUser | None, str | None]:
    """Return the one user of a service that has no tokens, and the token made for them.

    Raises:
        UsageError: others could reach the service, or this person is not among the project's people.
    """
    with opened.store.reading() as session:
        if tokens.any_counts(session, now=datetime.now(UTC)):
            return None, None
    if not is_loopback(host):
        raise UsageError(
            f"Without tokens the service answers on this machine alone, not at {host}.",
            hint="Make tokens first: gatekeeper token create --for NAME.",
        )
    if settings.actor not in opened.principals:
        raise UsageError(
            f"{settings.actor} is not among this project's people.",
            hint="Name them in principals.toml, or set GATEKEEPER_ACTOR.",
        )
    token = tokens.new_token()
    return LoneUser(person=settings.actor, digest=sha256_bytes(token.encode())), token


def is_loopback(host: str) -> bool:
    """Return whether an address is this machine's own, written as a number or as ``localhost``."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
