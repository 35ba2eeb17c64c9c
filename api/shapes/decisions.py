"""What people decided and are asked to decide, as the service sends it."""

from datetime import datetime
from typing import Any, Literal

from pydantic import Field

from api.shapes.base import Out
from api.shapes.updates import DigestsOut


class DecisionOut(Out):
    """One person's decision."""

    id: str
    run: str
    decision: Literal["approve", "reject", "request-changes"]
    by: str | None
    """``None`` where the name was erased."""
    comment: str | None
    """``None`` without one, and where it was erased."""
    digests: DigestsOut
    envelope: str | None
    """DSSE envelope, signed with the person's own key."""
    given: datetime
    expires: datetime


class DecisionsOut(Out):
    """Every decision about an update, over all its runs."""

    items: list[DecisionOut]


class ToSignOut(Out):
    """What has to be signed, in this order, each as RFC 8785 JSON in an envelope of ``payload_type``."""

    payload_type: str = Field(examples=["application/vnd.gatekeeper.decision+json"])
    decisions: list[dict[str, Any]]


class PromotedOut(Out):
    """What production points to now."""

    model: str
    version: str
    aliases: list[str]
    previous: str | None


class RevokedOut(Out):
    """What came of a revocation."""

    update: str
    live: str | None
    """Version that is live now, when the champion had to go back first."""
    published: bool
    """Whether the registry took the new list already."""


class RequestOut(Out):
    """Something that people decide about beside ordinary promotions."""

    id: str = Field(examples=["req-0123456789abcdef"])
    action: str
    """``anchor``, ``break-glass``, ``review``, ``rollback`` or ``revoke``."""
    update: str
    model: str
    alias: str
    replaces: str | None
    """Version the alias pointed to when it was asked for."""
    state: Literal["OPEN", "APPROVED", "REFUSED", "DONE", "EXPIRED"]
    opened_by: str | None
    """``None`` where the name was erased."""
    justification: str | None
    incident: str | None
    given: int
    required: int
    opened: datetime
    expires: datetime
    """Until when people may decide."""
    valid_until: datetime | None
    """Until when what was asked for may stay live unreviewed."""


class RequestsOut(Out):
    """Requests that wait for people, or to be carried out."""

    items: list[RequestOut]
