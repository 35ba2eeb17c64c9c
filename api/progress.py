"""What an evaluation that goes on in this process tells whoever listens.

Events are numbered from 1 within an evaluation and kept until the next evaluation of the same update begins, so that
somebody whose connection broke goes on where they were. Nothing here outlives the process.
"""

import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from gatekeeper.core.gate import Gate
from gatekeeper.core.verdict import Outcome
from gatekeeper.pipeline.collect import GateRun, Watcher

_KEPT_EVALUATIONS: Final = 50
_MOST_EVENTS: Final = 2000
_TELL_EVERY: Final = 0.5
"""Seconds between two events about how far a gate is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One event."""

    number: int
    name: str
    data: Mapping[str, object]


class Evaluation(Watcher):
    """One evaluation as it goes on."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._events: list[Told] = []
        self._ended = False
        self._last = 0.0

    def begin(self, gates: tuple[str, ...]) -> None:
        """All gates that may run, in order."""
        self.tell("gates", gates=list(gates))

    def started(self, gate: Gate[Any]) -> None:
        """One gate begins."""
        self.tell("gate-started", gate=gate.id)

    def finished(self, run: GateRun, outcome: Outcome) -> None:
        """One gate ended, and this is how its rules vote."""
        self.tell(
            "gate-ended",
            gate=run.report.gate,
            status=run.report.status.value,
            outcome=outcome.name,
            seconds=round(run.seconds, 3),
        )

    def skipped(self, gates: tuple[str, ...]) -> None:
        """These gates will not run."""
        if gates:
            self.tell("gates-skipped", gates=list(gates))

    def inside(self, done: int, total: int) -> None:
        """The evaluation engine has done so many items of so many."""
        now = time.monotonic()
        if now - self._last >= _TELL_EVERY or done == total:
            self._last = now
            self.tell("items", done=done, total=total)

    def tell(self, name: str, **data: object) -> None:
        """Add an event; one too many for a listener that never comes is left out."""
        with self._lock:
            if len(self._events) < _MOST_EVENTS and not self._ended:
                self._events.append(Told(number=len(self._events) + 1, name=name, data=data))

    def end(self, *, state: str) -> None:
        """Add the last event: where the update stands."""
        with self._lock:
            self._events.append(Told(number=len(self._events) + 1, name="ended", data={"state": state}))
            self._ended = True

    def after(self, number: int) -> tuple[list[Told], bool]:
        """Return the events after a number, and whether the last one is among all there are."""
        with self._lock:
            return self._events[number:], self._ended


class Board:
    """The evaluations that go on, and those that ended last, by update."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: OrderedDict[str, Evaluation] = OrderedDict()

    def open(self, update_id: str) -> Evaluation:
        """Return a new evaluation that listeners find from now on, unless one of the same update goes on."""
        made = Evaluation()
        with self._lock:
            former = self._known.get(update_id)
            if former is not None and not former.after(0)[1]:
                return made  # the pipeline refuses it in a moment, and nobody should listen to that
            self._known.pop(update_id, None)
            self._known[update_id] = made
            while len(self._known) > _KEPT_EVALUATIONS:
                self._known.popitem(last=False)
        return made

    def find(self, update_id: str) -> Evaluation | None:
        """Return the evaluation of an update; ``None`` when there was none in this process, or long ago."""
        with self._lock:
            return self._known.get(update_id)
