"""People who decide by logging in: who they are in the record, and when the service may sign in their place.

The service signs only what every verifier would accept: its key, the provider, the person's subject and the role are
in the trust file, and the log-in is recent. Anything else takes the person's own key.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from audits.ledger.pseudonyms import pseudonym
from audits.passport.binding import instant
from audits.passport.log_in import LogIn, subject_of
from audits.passport.people import SKEW
from gatekeeper.core.errors import StateError, UsageError, VerificationError
from gatekeeper.pipeline.principal import Principal
from gatekeeper.pipeline.signatures import OverLogIn, public_of
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import people


def subject_in(session: Session, pseudonym_key: bytes, principal: Principal) -> str | None:
    """Return who a person is at their provider, as the record and the trust file name them.

    Args:
        session: of the database.
        pseudonym_key: the installation's own.
        principal: the person.

    Returns:
        ``None`` for whoever does not log in, is unknown here, or was erased.
    """
    key = people.own_key(session, pseudonym(pseudonym_key, principal.name))
    if key is None or principal.log_in is None:
        return None
    return subject_of(key, principal.log_in.issuer, principal.log_in.claim, principal.log_in.value)


def require_log_in(
    workspace: Workspace,
    session: Session,
    principal: Principal,
    key: OverLogIn,
    *,
    roles: Collection[str],
    moment: datetime,
) -> None:
    """Return when verifiers would accept this person's decision over this log-in.

    Args:
        workspace: of the installation.
        session: of the database.
        principal: the person.
        key: what is about to sign.
        roles: of which the decision takes one.
        moment: the present one.

    Raises:
        UsageError: the log-in is somebody else's.
        StateError: it is too old, or the trust file lacks the key, the person or the role.
    """
    log_in, trust = key.log_in, workspace.notary.trust
    if log_in.subject != subject_in(session, workspace.pseudonym_key, principal):
        raise UsageError(
            f"This is not {principal.name}'s log-in: principals.toml names another one.",
            hint="Log in again, or correct principals.toml.",
        )
    service, person = trust.log_in(public_of(key), log_in.issuer), trust.subject(log_in.subject)
    if service is None or person is None or set(person.roles) != set(principal.roles):
        raise StateError(
            f"No verifier trusts what {principal.name} decides by logging in: the trust file does not name it.",
            hint="Write it down: gatekeeper trust pin.",
        )
    if not set(service.roles) & set(person.roles) & set(roles):
        raise StateError(
            f"Deciding here takes {principal.name}'s own key: log-ins count for {', '.join(service.roles)} alone.",
            hint="Sign with `gatekeeper key sign`.",
        )
    if not is_recent(log_in, minutes=service.minutes, moment=moment):
        raise StateError(
            f"The log-in is older than the {service.minutes:g} minutes that verifiers accept.", hint="Log in again."
        )


def is_recent(log_in: LogIn, *, minutes: float, moment: datetime) -> bool:
    """Return whether a log-in lies at most so long before a moment, and not after it."""
    try:
        return -SKEW <= moment - instant(log_in.auth_time) <= timedelta(minutes=minutes)
    except VerificationError:
        return False
