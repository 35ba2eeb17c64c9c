"""Tokens of the service: made for a person of the project, ended by one, both on record."""

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from audits.ledger.events import Event
from audits.ledger.leaf import label
from audits.ledger.log import append
from gatekeeper.core.errors import UsageError
from gatekeeper.pipeline.approve import rfc3339
from gatekeeper.pipeline.submit import require_known
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import tokens
from gatekeeper.store.tables import TokenRow


def make_token(
    workspace: Workspace,
    person: str,
    words: Collection[str],
    *,
    lasts: timedelta,
    by: str,
    now: datetime | None = None,
) -> tuple[str, TokenRow]:
    """Return a new token, which nobody can be told again, and its row.

    Args:
        workspace: of the installation.
        person: whose it is.
        words: what it may be used for; whether the person holds these roles is the caller's to check.
        lasts: how long it counts.
        by: who makes it.
        now: the present moment, for tests.

    Raises:
        UsageError: one of the two is not among the project's people.
    """
    moment = now or datetime.now(UTC)
    require_known(workspace, by)
    if person not in workspace.principals:
        raise UsageError(f"{person} is not among this project's people.", hint="Name them in principals.toml.")
    token = tokens.new_token()
    with workspace.store.transaction() as session:
        holder = workspace.remember(session, person)
        row = tokens.add(session, token, holder=holder, roles=tuple(words), now=moment, expires=moment + lasts)
        append(
            session,
            type=Event.TOKEN_MADE,
            actor=workspace.remember(session, by),
            subject=row.id,
            data={
                "holder": holder,
                "roles": [label(word) for word in sorted(set(words))],
                "expires": rfc3339(row.expires),
            },
        )
    return token, row


def end_token(workspace: Workspace, token_id: str, *, by: str, now: datetime | None = None) -> TokenRow:
    """End a token and return its row; one that was ended before stays ended since then.

    Raises:
        UsageError: there is none of that id, or whoever ends it is not among the project's people.
    """
    require_known(workspace, by)
    with workspace.store.transaction() as session:
        ended_before = tokens.require(session, token_id).revoked is not None
        row = tokens.revoke(session, token_id, now=now or datetime.now(UTC))
        if not ended_before:
            append(
                session,
                type=Event.TOKEN_ENDED,
                actor=workspace.remember(session, by),
                subject=row.id,
                data={"holder": row.holder},
            )
    return row
