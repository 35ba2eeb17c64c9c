"""How an evaluation is carried through its steps: at once in this process, or by a runtime that survives it.

An evaluation is the same either way. What differs is who holds it, where a gate computes, and what happens to a step
whose process died: a runtime asks again, and the steps that were kept are not repeated.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Any, Protocol

from sqlalchemy.orm import Session

from gatekeeper.core.gate import Gate
from gatekeeper.pipeline.bench import Bench
from gatekeeper.pipeline.collect import GateRun
from gatekeeper.store import runs


class Point(StrEnum):
    """Places that an evaluation passes, in this order; those of a step once for every gate."""

    BEGUN = "begun"
    """The run is written down, and nothing is measured yet."""
    BEFORE_STEP = "before-step"
    """A gate is about to be measured."""
    IN_STEP = "in-step"
    """It computes."""
    SHARD_KEPT = "shard-kept"
    """A part of it is kept, and will not be computed again; once for every shard of a long gate."""
    STEP_STORED = "step-stored"
    """Its report is in the database, with its ledger entry."""
    STEP_RECORDED = "step-recorded"
    """The runtime knows that the step is done."""
    BEFORE_VERDICT = "before-verdict"
    """Everything is measured, and the verdict's transaction has not begun."""
    AFTER_VERDICT = "after-verdict"
    """The verdict is in the database; the registry knows nothing of it."""
    REGISTERED = "registered"
    """The registry holds what it has to; the runtime does not know that the run has ended."""


class HandedOver(BaseException):
    """This process does not have the run any more: it neither ends it nor writes anything about it.

    No ``Exception``: nothing that mends failures may mistake it for one.
    """


class Steps(Protocol):
    """Carries one run."""

    @property
    def run_id(self) -> str:
        """Id of the run: the same whoever carries it on."""
        ...

    def hold(self, session: Session) -> None:
        """Return when the run is still this process's, as the caller's transaction sees it.

        Raises:
            HandedOver: it is not.
        """
        ...

    def compute(self, bench: Bench, gate: Gate[Any], here: Callable[[], GateRun]) -> GateRun:
        """Return what a gate measures; ``here`` measures in this process."""
        ...

    def step(self, name: str, work: Callable[[], GateRun]) -> None:
        """Do ``work``, unless it is known to be done; it keeps its result itself and can be repeated."""
        ...

    def reached(self, point: Point, gate: str | None = None) -> None:
        """Take note of a point that was passed."""
        ...


class HereAndNow:
    """Carries a run in this process: when that dies, so does the run."""

    def __init__(self) -> None:
        self._run_id = runs.new_run_id()

    @property
    def run_id(self) -> str:
        """An id nobody has used."""
        return self._run_id

    def hold(self, session: Session) -> None:
        """Return: nobody else can have the run."""

    def compute(self, bench: Bench, gate: Gate[Any], here: Callable[[], GateRun]) -> GateRun:
        """Measure in this process."""
        del bench, gate
        return here()

    def step(self, name: str, work: Callable[[], GateRun]) -> None:
        """Do it."""
        del name
        work()

    def reached(self, point: Point, gate: str | None = None) -> None:
        """Do nothing."""
