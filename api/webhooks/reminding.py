"""Reminders as events: whoever subscribed to them is told."""

from api.webhooks.events import body_of_reminder
from api.webhooks.sender import now_utc
from gatekeeper.pipeline.remind import Reminder
from gatekeeper.store import webhooks
from gatekeeper.store.database import Store


class WebhookNotifier:
    """Leaves reminders for the sender of webhooks."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def notify(self, event: str, reminder: Reminder) -> None:
        """Make one delivery for every endpoint that wants it."""
        now = now_utc()
        with self._store.transaction() as session:
            webhooks.add_told(session, event, body_of_reminder(reminder, now), now=now)
