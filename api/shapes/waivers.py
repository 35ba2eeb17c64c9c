"""Findings that people may accept or accepted, as the service sends them."""

from datetime import datetime

from api.shapes.base import Out
from api.shapes.updates import UpdateOut


class AcceptableOut(Out):
    """One reason of the newest verdict that the policy lets people accept."""

    gate: str
    code: str
    text: str
    finding: str
    """Identity of what was found: limit, report, update and policy."""
    roles: list[str]
    """A person needs one of these."""
    given: int
    """People who accept it now."""
    required: int
    days: float
    """For how long at most."""


class WaiverOut(Out):
    """One person's acceptance of one finding."""

    id: str
    run: str
    code: str
    finding: str
    by: str | None
    """``None`` where the name was erased."""
    justification: str | None
    """``None`` where it was erased."""
    envelope: str
    """DSSE envelope, signed with the person's own key."""
    given: datetime
    expires: datetime
    counts: bool
    """Whether the newest verdict counts it, and its time is not over."""


class WaiversOut(Out):
    """What may be accepted, and what was, over all runs, oldest first."""

    acceptable: list[AcceptableOut]
    items: list[WaiverOut]


class AcceptedOut(Out):
    """Where an update stands after somebody accepted a finding."""

    waiver: str
    given: int
    required: int
    update: UpdateOut
    """As it is now: under a new run and other evidence, once enough people accepted."""
