"""Turns rows about webhooks into what is sent."""

from api.permissions import Role
from api.shapes.webhooks import DeliveryOut, WebhookOut
from api.webhooks.address import parse
from api.webhooks.sender import now_utc
from gatekeeper.pipeline.webhooks import oldest_secret
from gatekeeper.store.tables import DeliveryRow, DeliveryState, EndpointRow


def webhook_out(row: EndpointRow, words: frozenset[str]) -> WebhookOut:
    """Return an endpoint as it is sent: with its whole address to administrators alone.

    What stands after the host is a credential of many receivers.
    """
    whole = Role.ADMIN.value in words
    secrets = row.generation - oldest_secret(row, now_utc()) + 1
    return WebhookOut(
        id=row.id,
        url=row.url if whole else f"https://{parse(row.url).authority}/…",
        events=[str(each) for each in row.events] if isinstance(row.events, list) else [],
        state=row.state.value,
        secrets=secrets,
        overlap_until=row.overlap_until if secrets > 1 else None,
        failing_since=row.failing_since,
        created=row.created,
        changed=row.changed,
    )


def delivery_out(row: DeliveryRow) -> DeliveryOut:
    """Return a delivery as it is sent."""
    return DeliveryOut(
        id=row.id,
        message=row.message,
        event=row.event,
        seq=row.seq,
        state=row.state.value,
        attempts=row.attempts,
        due=row.due if row.state is DeliveryState.PENDING else None,
        last_attempt=row.last_attempt,
        last_status=row.last_status,
        last_error=row.last_error,
        created=row.created,
    )
