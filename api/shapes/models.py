"""Models, their versions and their drift, as the service sends them."""

from datetime import datetime

from api.shapes.base import Number, Out


class BehindOut(Out):
    """Something that moved behind the gate's back, and has not been put right."""

    id: str
    kind: str
    alias: str | None
    version: str | None
    """Version it should be."""
    observed: str | None
    """What was seen instead."""
    text: str
    found: datetime


class ModelOut(Out):
    """A model and what its aliases point to."""

    name: str
    protected: list[str]
    champion: str | None
    anchor: str | None
    live: str | None
    """The update that is live."""
    behind: list[BehindOut]
    """What moved behind the gate's back, as the reconciler found it."""


class ModelsOut(Out):
    """Every model under the gate."""

    items: list[str]


class MoveOut(Out):
    """One time the champion moved."""

    version: str
    update: str
    kind: str
    previous: str | None
    promoted: datetime | None


class DriftOut(Out):
    """One champion's score against the anchor on one suite."""

    version: str
    suite: str
    anchor: str | None
    delta: Number
    low: Number | None
    high: Number | None
    confidence: float | None
    budget: float | None


class LineageOut(Out):
    """The champions of a model, oldest first."""

    model: str
    champions: list[MoveOut]
    drift: list[DriftOut]
