"""Versions found in the registry, as the service sends them."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from api.shapes.base import Out


class ReceivedOut(Out):
    """What a webhook of the registry did."""

    taken: bool
    """Whether the registry is looked at because of it; ``False`` for what was said before, or concerns nobody."""


class IntakeOut(Out):
    """A version in the registry."""

    model: str
    version: str
    state: Literal["TAKING", "WAITING", "PROPOSED", "REFUSED", "OURS", "PRIOR"]
    update: str | None = Field(examples=["upd-0123456789abcdef"])
    """The update that it became."""
    code: str | None
    """One word for why it waits, or was refused."""
    reason: str | None
    attempts: int
    due: datetime | None
    """When a waiting one is looked at again."""
    first_seen: datetime
    changed: datetime


class IntakesOut(Out):
    """Versions in the registry, what changed last first."""

    items: list[IntakeOut]
