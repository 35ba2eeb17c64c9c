"""Webhooks as the service takes and sends them."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from api.payloads import In
from api.shapes.base import Out
from api.webhooks.address import LONGEST
from api.webhooks.events import TYPES

EventType = Annotated[str, Field(max_length=64, examples=["update.promoted"], json_schema_extra={"enum": list(TYPES)})]


class WebhookIn(In):
    """An address to send events to."""

    url: Annotated[
        str,
        Field(min_length=9, max_length=LONGEST, pattern=r"^https://[!-~]+$", examples=["https://hooks.example.com/x"]),
    ]
    """Its host is one that the settings allow."""
    events: Annotated[list[EventType], Field(min_length=1, max_length=64)]


class WebhookOut(Out):
    """An address that events are sent to."""

    id: str = Field(examples=["whe-0123456789abcdef"])
    url: str
    """Only its host, but for administrators."""
    events: list[str]
    state: Literal["ACTIVE", "DISABLED", "REMOVED"]
    secrets: int
    """How many secrets deliveries are signed with now."""
    overlap_until: datetime | None
    """Until when more than one counts."""
    failing_since: datetime | None
    created: datetime
    changed: datetime


class WebhookSecretOut(Out):
    """A webhook and its newest secret."""

    webhook: WebhookOut
    secret: str | None = Field(examples=["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])
    """Shown this once; ``None`` when an earlier answer is repeated, because answers are kept and secrets are not."""


class WebhooksOut(Out):
    """The addresses that events are sent to."""

    items: list[WebhookOut]


class DeliveryOut(Out):
    """One event for one address."""

    id: str = Field(examples=["whd-0123456789abcdef"])
    message: str
    """``webhook-id`` of every attempt."""
    event: str
    seq: int | None
    """Number of the ledger's entry; ``None`` for a test."""
    state: Literal["PENDING", "DELIVERED", "DEAD"]
    attempts: int
    due: datetime | None
    """When it is tried next; ``None`` once it has ended."""
    last_attempt: datetime | None
    last_status: int | None
    """HTTP status of the last answer."""
    last_error: str | None
    """Why there was no answer, in one word."""
    created: datetime


class DeliveriesOut(Out):
    """Deliveries to one address, newest first."""

    items: list[DeliveryOut]
