"""Where one evaluation stands, as the service sends it."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from api.shapes.base import Out


class RunStateOut(Out):
    """One evaluation, from when it was asked for."""

    id: str = Field(examples=["run-0123456789abcdef"])
    update: str
    state: Literal["QUEUED", "RUNNING", "DONE", "FAILED", "CANCELLED"]
    """``DONE`` has a verdict; ``RUNNING`` may also be what a process that died left behind."""
    cancelling: bool
    """Whether somebody asked for its end, and it has not ended yet."""
    attempt: int
    """How often it was begun."""
    outcome: Literal["ADMIT", "REVIEW", "BLOCK"] | None
    error: str | None
    """Why it ended without a verdict."""
    started: datetime | None
    finished: datetime | None
