"""Outgoing webhooks as the record sees them: made, switched off and on, given another secret, removed.

Which addresses may be named is for whoever calls; here it is written down who named one, and when.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from audits.ledger.events import Event
from audits.ledger.log import append
from gatekeeper.core.digests import sha256_bytes
from gatekeeper.core.errors import StateError
from gatekeeper.pipeline.principal import ACTOR
from gatekeeper.pipeline.submit import require_known
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import entries, webhooks
from gatekeeper.store.tables import EndpointRow, EndpointState

OVERLAP: Final = timedelta(hours=24)
"""How long deliveries are signed with the former secret too, after there is a new one."""

MOST_SECRETS: Final = 3
"""That deliveries are signed with at once."""


def add(workspace: Workspace, url: str, events: Sequence[str], *, by: str, now: datetime | None = None) -> EndpointRow:
    """Write down an endpoint; it is sent what happens from now on.

    Raises:
        UsageError: whoever makes it is not among the project's people.
    """
    moment = now or datetime.now(UTC)
    require_known(workspace, by)
    with workspace.store.transaction() as session:
        actor = workspace.remember(session, by)
        row = webhooks.add_endpoint(
            session, url=url, events=events, made_by=actor, after=entries.size(session), now=moment
        )
        append(
            session,
            type=Event.WEBHOOK_ADDED,
            actor=actor,
            subject=row.id,
            data={"url_digest": sha256_bytes(url.encode()), "events": sorted(set(events))},
            now=moment,
        )
        row.after = entries.size(session)
    return row


def new_secret(workspace: Workspace, endpoint_id: str, *, by: str, now: datetime | None = None) -> EndpointRow:
    """Give an endpoint another secret; the former one counts for :data:`OVERLAP` more.

    Raises:
        UsageError: there is no such endpoint, or whoever asks is not among the project's people.
        StateError: too many secrets count already.
    """
    moment = now or datetime.now(UTC)
    require_known(workspace, by)
    with workspace.store.transaction() as session:
        row = webhooks.require_endpoint(session, endpoint_id)
        row.oldest = oldest_secret(row, moment)
        if row.generation - row.oldest + 1 >= MOST_SECRETS:
            raise StateError(
                f"{MOST_SECRETS} secrets of {endpoint_id} count already.",
                hint="Wait until the oldest has run out, or remove the webhook and make it anew.",
            )
        row.generation += 1
        row.overlap_until, row.changed = moment + OVERLAP, moment
        append(
            session,
            type=Event.WEBHOOK_SECRET_MADE,
            actor=workspace.remember(session, by),
            subject=row.id,
            data={"generation": row.generation},
            now=moment,
        )
    return row


def oldest_secret(row: EndpointRow, now: datetime) -> int:
    """Return the number of the oldest secret that still counts."""
    return row.oldest if row.overlap_until is not None and now < row.overlap_until else row.generation


def enable(workspace: Workspace, endpoint_id: str, *, by: str, now: datetime | None = None) -> EndpointRow:
    """Send to an endpoint again, beginning with what waits for it; harmless where it is sent to.

    Raises:
        UsageError: there is no such endpoint, or whoever asks is not among the project's people.
    """
    return _change(workspace, endpoint_id, EndpointState.ACTIVE, Event.WEBHOOK_ENABLED, by=by, now=now)


def remove(workspace: Workspace, endpoint_id: str, *, by: str, now: datetime | None = None) -> EndpointRow:
    """Never send to an endpoint again; what waits for it is given up.

    Raises:
        UsageError: there is no such endpoint, or whoever asks is not among the project's people.
    """
    return _change(workspace, endpoint_id, EndpointState.REMOVED, Event.WEBHOOK_REMOVED, by=by, now=now)


def disable(
    workspace: Workspace, endpoint_id: str, *, by: str, why: str = "by-hand", now: datetime | None = None
) -> EndpointRow:
    """Send nothing to an endpoint for now; events wait for it.

    Raises:
        UsageError: there is no such endpoint, or whoever asks is not among the project's people.
    """
    require_known(workspace, by)
    with workspace.store.transaction() as session:
        row = webhooks.require_endpoint(session, endpoint_id)
        disable_in(session, row, why=why, actor=workspace.remember(session, by), now=now or datetime.now(UTC))
    return row


def disable_in(session: Session, row: EndpointRow, *, why: str, now: datetime, actor: str = ACTOR) -> None:
    """Do what :func:`disable` does in the caller's transaction; harmless where nothing is sent already."""
    if row.state is not EndpointState.ACTIVE:
        return
    row.state, row.changed = EndpointState.DISABLED, now
    append(session, type=Event.WEBHOOK_DISABLED, actor=actor, subject=row.id, data={"why": why}, now=now)


def _change(
    workspace: Workspace, endpoint_id: str, state: EndpointState, event: Event, *, by: str, now: datetime | None
) -> EndpointRow:
    moment = now or datetime.now(UTC)
    require_known(workspace, by)
    with workspace.store.transaction() as session:
        row = webhooks.require_endpoint(session, endpoint_id)
        if row.state is state:
            return row
        row.state, row.failing_since, row.changed = state, None, moment
        if state is EndpointState.REMOVED:
            webhooks.drop_pending(session, row.id)
        append(
            session,
            type=event,
            actor=workspace.remember(session, by),
            subject=row.id,
            data={"url_digest": sha256_bytes(row.url.encode())},
            now=moment,
        )
    return row
