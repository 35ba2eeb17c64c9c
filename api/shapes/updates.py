"""Updates and their evaluations, as the service sends them."""

from datetime import datetime
from typing import Literal

from pydantic import Field

from api.shapes.base import DIGEST, Out
from gatekeeper.core.states import State


class DigestsOut(Out):
    """What a decision about an update is bound to."""

    update_digest: str = Field(examples=[DIGEST])
    policy_digest: str | None = Field(examples=[DIGEST])
    """``None`` before there is a verdict, as is the next one."""
    evidence_digest: str | None = Field(examples=[DIGEST])


class ApprovalCountOut(Out):
    """How far people are."""

    given: int
    """Consents to exactly these digests that have not expired."""
    required: int | None
    """``None`` before a verdict, and where the policy has changed since."""
    expires: datetime | None
    """Until when people may decide."""


class UpdateOut(Out):
    """A proposed change and where it stands."""

    id: str = Field(examples=["upd-0123456789abcdef"])
    name: str
    model: str = Field(examples=["support-bot"])
    kind: str = Field(examples=["lora"])
    state: State
    proposer: str | None
    """``None`` where the name was erased."""
    digests: DigestsOut
    outcome: Literal["ADMIT", "REVIEW", "BLOCK"] | None
    errored: bool
    run: str | None
    """Its newest evaluation."""
    approvals: ApprovalCountOut
    registered_version: str | None
    unreviewed_until: datetime | None
    """Until when it may stay live over its verdict; ``None`` where it is not live over one, or a review settled it."""
    compared_with: str | None
    """Version it was compared with; ``None`` before its evaluation and for a first champion."""
    data_digest: str | None
    method: str
    trainer: str
    sources: list[str]
    answers: str | None
    """The update that was sent back and that this one takes the place of."""
    answered_by: str | None
    """The newest update that takes the place of this one, which was sent back."""
    created: datetime
    updated: datetime


class UpdatesOut(Out):
    """A page of updates."""

    items: list[UpdateOut]
    next: str | None
    """``cursor`` of the next page; ``None`` on the last one."""


class RunOut(Out):
    """One evaluation."""

    id: str
    policy: str
    policy_digest: str
    seed: int
    started: datetime
    finished: datetime | None


class RunsOut(Out):
    """The evaluations of an update."""

    items: list[RunOut]
