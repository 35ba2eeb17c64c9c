"""Sends what the ledger says to the endpoints that want it, at least once, in as many processes as there are.

One step: make deliveries from new entries; take the delivery that has waited longest, with a lease; send it; write
down how it ended. A sender that dies leaves its lease to run out. An endpoint is sent one delivery at a time, so that
a slow one takes one sender and no more. Order is not promised: what failed comes later than what followed it.
"""

import random
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

from api.webhooks.events import TEST, body_of, body_of_test, types_of
from api.webhooks.post import NotSent
from api.webhooks.signing import secret_of, signed
from gatekeeper.core.errors import UsageError
from gatekeeper.pipeline.webhooks import disable_in, oldest_secret
from gatekeeper.store import entries, updates, webhooks
from gatekeeper.store.database import Store
from gatekeeper.store.tables import DeliveryRow, DeliveryState, EndpointRow

MOST_ATTEMPTS: Final = 10
FIRST_WAIT: Final = timedelta(seconds=10)
LONGEST_WAIT: Final = timedelta(hours=24)
LEASE: Final = timedelta(seconds=90)
"""Several times what sending may take; two machines' clocks must agree better than that."""
DISABLED_AFTER: Final = timedelta(days=5)
"""After so long without a single success, nothing more is sent to an endpoint."""
KEPT: Final = timedelta(days=30)
"""How long deliveries that ended are listed."""

GONE: Final = 410


class Post(Protocol):
    """Sends one request and returns the status of its answer."""

    def post(self, url: str, body: bytes, headers: dict[str, str]) -> int:
        """Send it.

        Raises:
            NotSent: there was no answer.
            UsageError: the address is not allowed any more.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """How one attempt ended."""

    delivery: str
    endpoint: str
    event: str
    status: int | None
    error: str | None

    @property
    def taken(self) -> bool:
        """Whether the receiver took it."""
        return self.status is not None and 200 <= self.status < 300


def now_utc() -> datetime:
    """Return the present moment."""
    return datetime.now(UTC)


def wait_after(attempts: int, shake: Callable[[], float] = random.random) -> timedelta:
    """Return how long to wait after that many attempts: four times as long each time, and a quarter more or less."""
    longest = min(LONGEST_WAIT, FIRST_WAIT * (1 << 2 * max(0, attempts - 1)))
    return longest * (0.75 + 0.5 * shake())


class Sender:
    """One of any number of senders."""

    def __init__(self, store: Store, poster: Post, key: bytes, *, clock: Callable[[], datetime] = now_utc) -> None:
        """Remember what to send with.

        Args:
            store: the application database.
            poster: sends requests.
            key: that secrets are derived from.
            clock: gives the present moment.
        """
        self._store = store
        self._poster = poster
        self._key = key
        self._clock = clock

    def make(self) -> None:
        """Make deliveries from every entry of the ledger that some endpoint was not looked at for."""
        while True:
            with self._store.reading() as session:
                if not webhooks.behind(session, size=entries.size(session)):
                    return
            with self._store.transaction() as session:
                if not webhooks.fan_out(session, types_of, now=self._clock()):
                    return

    def send_one(self) -> Sent | None:
        """Send the delivery that has waited longest; ``None`` when none is due."""
        now = self._clock()
        with self._store.reading() as session:
            due = webhooks.next_due(session)
        if due is None or now < due:
            return None
        lease = secrets.token_hex(16)
        with self._store.transaction() as session:
            taken = webhooks.claim(session, lease=lease, now=now, lasts=LEASE)
        if taken is None:
            return None
        delivery, endpoint = taken
        status: int | None = None
        error: str | None = None
        try:
            status = self._poster.post(endpoint.url, *self._request(delivery, endpoint))
        except NotSent as not_sent:
            error = not_sent.word
        except UsageError:
            error = "address-not-allowed"
        ended = Sent(delivery=delivery.id, endpoint=endpoint.id, event=delivery.event, status=status, error=error)
        self._keep(ended, lease)
        return ended

    def send_due(self) -> list[Sent]:
        """Send everything that is due, once; return how each attempt ended."""
        sent: list[Sent] = []
        self.make()
        while (ended := self.send_one()) is not None:
            sent.append(ended)
        return sent

    def forget(self) -> None:
        """Delete deliveries that ended long ago."""
        with self._store.transaction() as session:
            webhooks.forget(session, before=self._clock() - KEPT)

    def _request(self, delivery: DeliveryRow, endpoint: EndpointRow) -> tuple[bytes, dict[str, str]]:
        """Return what is sent for a delivery: the same body every time, signed anew."""
        now = self._clock()
        if delivery.body is not None:
            body = delivery.body
        elif delivery.seq is None or delivery.event == TEST:
            body = body_of_test(endpoint.id, delivery.created)
        else:
            with self._store.reading() as session:
                entry = entries.find(session, delivery.seq)
                if entry is None:
                    raise RuntimeError(f"the ledger has no entry {delivery.seq}")
                about = updates.find(session, entry.subject)
            body = body_of(delivery.event, entry.leaf, model=None if about is None else about.model)
        numbers = range(endpoint.generation, oldest_secret(endpoint, now) - 1, -1)
        keys = [secret_of(self._key, endpoint.id, number) for number in numbers]
        return body, signed(keys, delivery.message, now, body)

    def _keep(self, ended: Sent, lease: str) -> None:
        """Write down how an attempt ended, unless somebody else has the delivery by now."""
        now = self._clock()
        with self._store.transaction() as session:
            found = webhooks.held(session, ended.delivery, lease)
            if found is None:
                return
            delivery, endpoint = found
            delivery.lease = delivery.leased_until = None
            delivery.last_attempt, delivery.last_status, delivery.last_error = now, ended.status, ended.error
            delivery.attempts += 1
            if ended.taken:
                delivery.state, endpoint.failing_since = DeliveryState.DELIVERED, None
                return
            endpoint.failing_since = endpoint.failing_since or now
            if ended.status == GONE:
                delivery.state = DeliveryState.DEAD
                disable_in(session, endpoint, why="gone", now=now)
                return
            if delivery.attempts >= MOST_ATTEMPTS:
                delivery.state = DeliveryState.DEAD
            else:
                delivery.due = now + wait_after(delivery.attempts)
            if now - endpoint.failing_since >= DISABLED_AFTER:
                disable_in(session, endpoint, why="failing", now=now)
