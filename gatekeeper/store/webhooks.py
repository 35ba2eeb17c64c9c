"""Outgoing webhooks: endpoints, and the deliveries that are made for them from the ledger.

The ledger is the outbox: its entries are written with the state changes that they record, in one order without gaps.
Every endpoint remembers how far it was looked at; :func:`fan_out` makes deliveries from what came after and moves the
mark in the same transaction, so that no event is left out and none is made twice.

A delivery is sent by whoever holds its lease, and an endpoint has at most one lease at a time.
"""

import hashlib
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from gatekeeper.core.errors import UsageError
from gatekeeper.store.tables import DeliveryRow, DeliveryState, EndpointRow, EndpointState, EntryRow

_AT_ONCE: Final = 500


def add_endpoint(
    session: Session, *, url: str, events: Sequence[str], made_by: str, after: int, now: datetime
) -> EndpointRow:
    """Write down an endpoint that is sent what happens from the ledger's entry ``after`` on."""
    row = EndpointRow(
        id=f"whe-{secrets.token_hex(8)}",
        url=url,
        events=sorted(set(events)),
        state=EndpointState.ACTIVE,
        generation=1,
        oldest=1,
        overlap_until=None,
        after=after,
        failing_since=None,
        made_by=made_by,
        created=now,
        changed=now,
    )
    session.add(row)
    session.flush()
    return row


def find_endpoint(session: Session, endpoint_id: str) -> EndpointRow | None:
    """Return the endpoint of that id, removed or not; ``None`` for none."""
    return session.get(EndpointRow, endpoint_id)


def require_endpoint(session: Session, endpoint_id: str) -> EndpointRow:
    """Return an endpoint that was not removed.

    Raises:
        UsageError: there is none of that id.
    """
    row = find_endpoint(session, endpoint_id)
    if row is None or row.state is EndpointState.REMOVED:
        raise UsageError(f"There is no webhook {endpoint_id}.", hint="`gatekeeper webhooks list` shows them.")
    return row


def endpoints(session: Session) -> list[EndpointRow]:
    """Return every endpoint that was not removed, oldest first."""
    query = select(EndpointRow).where(EndpointRow.state != EndpointState.REMOVED)
    return list(session.scalars(query.order_by(EndpointRow.created, EndpointRow.id)))


def behind(session: Session, *, size: int) -> bool:
    """Return whether an endpoint that is sent to has not been looked at up to the ledger's entry ``size``."""
    query = select(EndpointRow.id).where(EndpointRow.state == EndpointState.ACTIVE, EndpointRow.after < size)
    return session.scalars(query.limit(1)).first() is not None


def fan_out(
    session: Session, event_of: Callable[[str, bytes], tuple[str, ...]], *, now: datetime, at_once: int | None = None
) -> int:
    """Make deliveries from entries that endpoints have not been looked at for; return how many entries that were.

    Args:
        session: a transaction.
        event_of: gives the types of event that an entry of that type, with that leaf, is.
        now: the present moment.
        at_once: most entries for each endpoint.
    """
    looked_at = 0
    for endpoint in endpoints(session):
        if endpoint.state is not EndpointState.ACTIVE:
            continue
        wanted = set(endpoint.events) if isinstance(endpoint.events, list) else set()
        query = (
            select(EntryRow).where(EntryRow.seq >= endpoint.after).order_by(EntryRow.seq).limit(at_once or _AT_ONCE)
        )
        for entry in session.scalars(query):
            endpoint.after = entry.seq + 1
            looked_at += 1
            for event in event_of(entry.type, entry.leaf):
                if event in wanted:
                    message = f"msg_{hashlib.sha256(entry.leaf_hash + event.encode()).hexdigest()[:32]}"
                    session.add(_delivery(endpoint.id, event, message=message, seq=entry.seq, now=now))
        session.flush()
    return looked_at


def add_test(session: Session, endpoint_id: str, event: str, *, now: datetime) -> DeliveryRow:
    """Make a delivery that is about nothing."""
    row = _delivery(endpoint_id, event, message=f"msg_{secrets.token_hex(16)}", seq=None, now=now)
    session.add(row)
    session.flush()
    return row


def add_told(session: Session, event: str, body: bytes, *, now: datetime) -> int:
    """Make deliveries of an event that no entry of the ledger tells; return to how many endpoints."""
    message = f"msg_{secrets.token_hex(16)}"
    wanted = [
        each
        for each in endpoints(session)
        if each.state is EndpointState.ACTIVE and isinstance(each.events, list) and event in each.events
    ]
    for endpoint in wanted:
        row = _delivery(endpoint.id, event, message=message, seq=None, now=now)
        row.body = body
        session.add(row)
    session.flush()
    return len(wanted)


def claim(session: Session, *, lease: str, now: datetime, lasts: timedelta) -> tuple[DeliveryRow, EndpointRow] | None:
    """Take the delivery that has waited longest, of an endpoint that nobody sends to; ``None`` when there is none.

    Args:
        session: a transaction; writers take turns, so of two that ask one gets it.
        lease: whoever takes it.
        now: the present moment.
        lasts: after so long without a result, another may take it.
    """
    busy = select(DeliveryRow.endpoint_id).where(
        DeliveryRow.state == DeliveryState.PENDING, DeliveryRow.leased_until > now
    )
    query = (
        select(DeliveryRow, EndpointRow)
        .join(EndpointRow, EndpointRow.id == DeliveryRow.endpoint_id)
        .where(
            DeliveryRow.state == DeliveryState.PENDING,
            DeliveryRow.due <= now,
            EndpointRow.state == EndpointState.ACTIVE,
            DeliveryRow.endpoint_id.not_in(busy),
        )
        .order_by(DeliveryRow.due, DeliveryRow.seq, DeliveryRow.id)
        .limit(1)
    )
    found = session.execute(query).one_or_none()
    if found is None:
        return None
    delivery, endpoint = found
    delivery.lease, delivery.leased_until = lease, now + lasts
    session.flush()
    return delivery, endpoint


def next_due(session: Session) -> datetime | None:
    """Return when the next delivery may be sent; ``None`` when none waits."""
    query = (
        select(DeliveryRow.due)
        .join(EndpointRow, EndpointRow.id == DeliveryRow.endpoint_id)
        .where(DeliveryRow.state == DeliveryState.PENDING, EndpointRow.state == EndpointState.ACTIVE)
        .order_by(DeliveryRow.due)
    )
    return session.scalars(query.limit(1)).first()


def held(session: Session, delivery_id: str, lease: str) -> tuple[DeliveryRow, EndpointRow] | None:
    """Return a delivery with its endpoint, where this lease is still the one that counts."""
    row = session.get(DeliveryRow, delivery_id)
    if row is None or row.lease != lease or row.state is not DeliveryState.PENDING:
        return None
    endpoint = find_endpoint(session, row.endpoint_id)
    return None if endpoint is None else (row, endpoint)


def find_delivery(session: Session, endpoint_id: str, delivery_id: str) -> DeliveryRow | None:
    """Return the delivery of that id to that endpoint; ``None`` when there is none."""
    row = session.get(DeliveryRow, delivery_id)
    return row if row is not None and row.endpoint_id == endpoint_id else None


def deliveries(
    session: Session, endpoint_id: str, *, state: DeliveryState | None = None, limit: int = 100
) -> list[DeliveryRow]:
    """Return the newest deliveries to an endpoint first."""
    query = select(DeliveryRow).where(DeliveryRow.endpoint_id == endpoint_id)
    if state is not None:
        query = query.where(DeliveryRow.state == state)
    return list(session.scalars(query.order_by(DeliveryRow.created.desc(), DeliveryRow.id).limit(limit)))


def send_again(session: Session, delivery: DeliveryRow, *, now: datetime) -> None:
    """Let a delivery begin anew, unless it is being sent."""
    delivery.state, delivery.attempts, delivery.due = DeliveryState.PENDING, 0, now
    session.flush()


def forget(session: Session, *, before: datetime) -> None:
    """Delete deliveries that were made before a moment and have ended."""
    session.execute(
        delete(DeliveryRow).where(DeliveryRow.created < before, DeliveryRow.state != DeliveryState.PENDING),
        execution_options={"synchronize_session": False},
    )


def drop_pending(session: Session, endpoint_id: str) -> None:
    """Give up what waits for an endpoint."""
    session.execute(
        update(DeliveryRow)
        .where(DeliveryRow.endpoint_id == endpoint_id, DeliveryRow.state == DeliveryState.PENDING)
        .values(state=DeliveryState.DEAD, last_error="removed"),
        execution_options={"synchronize_session": False},
    )


def _delivery(endpoint_id: str, event: str, *, message: str, seq: int | None, now: datetime) -> DeliveryRow:
    return DeliveryRow(
        id=f"whd-{secrets.token_hex(8)}",
        endpoint_id=endpoint_id,
        seq=seq,
        message=message,
        event=event,
        state=DeliveryState.PENDING,
        attempts=0,
        due=now,
        lease=None,
        leased_until=None,
        last_attempt=None,
        last_status=None,
        last_error=None,
        created=now,
    )
