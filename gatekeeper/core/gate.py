"""The whole extension point: a gate is a function that asks one question and returns a report.

::

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Params:
        min_rows: int = 1

    @gate("data/schema", asks="Do the training rows have the shape they claim?", params=Params)
    def data_schema(context: GateContext, params: Params) -> GateReport: ...

The decorator is pure: importing a gate changes nothing. Gates are found by :mod:`gatekeeper.gates.catalogue` or by
the entry point group ``gatekeeper.gates``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from gatekeeper.core.digests import sha256_file
from gatekeeper.core.findings import Attachment, Finding, GateReport, Metric, Status
from gatekeeper.core.row_history import RowHistory
from gatekeeper.core.rows import RowSource
from gatekeeper.core.update import Artifact, Update

T = TypeVar("T")
P = TypeVar("P")


class Family(StrEnum):
    """Gate families, cheapest first: the order they run in."""

    ARTIFACT = "artifact"
    DATA = "data"
    WEIGHTS = "weights"
    BEHAVIOUR = "behaviour"


FAMILIES = tuple(Family)
"""Running order."""


class Progress(Protocol):
    """Where long work says how far it is. Never decides anything."""

    def start(self, label: str, total: int | None) -> None:
        """Begin a piece of work of ``total`` steps (``None``: unknown)."""
        ...

    def advance(self, steps: int = 1) -> None:
        """Say that ``steps`` more are done."""
        ...


class SilentProgress:
    """Progress that nobody watches."""

    def start(self, label: str, total: int | None) -> None:
        """Do nothing."""

    def advance(self, steps: int = 1) -> None:
        """Do nothing."""


class Resources:
    """Expensive things shared between gates of one run (an evaluation session), looked up by type."""

    def __init__(self, provided: Mapping[type, object] | None = None) -> None:
        self._provided = dict(provided or {})

    def get(self, kind: type[T]) -> T:
        """Return the resource of that type.

        Raises:
            RuntimeError: the run was started without it.
        """
        found = self.find(kind)
        if found is None:
            raise RuntimeError(f"this run provides no {kind.__name__}")
        return found

    def find(self, kind: type[T]) -> T | None:
        """Return the resource of that type, or ``None`` where the run was started without it."""
        found = self._provided.get(kind)
        return found if isinstance(found, kind) else None

    def plus(self, more: Mapping[type, object]) -> "Resources":
        """Return these and more."""
        return Resources({**self._provided, **more})


@dataclass(frozen=True, slots=True, kw_only=True)
class GateContext:
    """Everything a gate may look at."""

    update: Update
    champion: Artifact | None
    """What the candidate is compared with; ``None`` when a first champion is being certified."""
    anchor: Artifact | None
    """The reference for cumulative drift; ``None`` as above."""
    rows: RowSource | None
    """Training rows, or ``None`` when none were given."""
    workdir: Path
    """This gate's own evidence folder; exists."""
    seed: int
    """The only source of randomness."""
    resources: Resources = field(default_factory=Resources)
    progress: Progress = field(default_factory=SilentProgress)
    history: RowHistory | None = None
    """Accepted rows of earlier updates of this model, to compare with; ``None`` when there are none."""

    def attach(self, name: str) -> Attachment:
        """Return the attachment for a file the gate has written into :attr:`workdir`."""
        path = self.workdir / name
        return Attachment(name=name, sha256=sha256_file(path), size=path.stat().st_size)


@dataclass(frozen=True, slots=True, kw_only=True)
class NoParams:
    """For gates that take none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate(Generic[P]):
    """A gate and what is known about it without running it."""

    id: str
    """``<family>/<name>``."""
    asks: str
    """The one question, as a sentence with a question mark."""
    version: int
    """Raised whenever the same input may give another report."""
    params: type[P]
    """Frozen dataclass; its fields and defaults are what a policy may set."""
    measure: Callable[[GateContext, P], GateReport]

    @property
    def family(self) -> Family:
        """The part of the id before the slash."""
        return Family(self.id.partition("/")[0])

    def __call__(self, context: GateContext, params: P | None = None) -> GateReport:
        """Run the gate; without ``params``, with their defaults."""
        return self.measure(context, self.params() if params is None else params)

    def measured(
        self,
        *,
        metrics: tuple[Metric, ...] = (),
        findings: tuple[Finding, ...] = (),
        attachments: tuple[Attachment, ...] = (),
    ) -> GateReport:
        """Return a report that answers the question."""
        return GateReport(
            gate=self.id,
            version=self.version,
            status=Status.MEASURED,
            metrics=metrics,
            findings=findings,
            attachments=attachments,
        )

    def unmeasured(self, why: str, *, findings: tuple[Finding, ...] = ()) -> GateReport:
        """Return a report that says why the question stays open."""
        return GateReport(gate=self.id, version=self.version, status=Status.UNMEASURED, note=why, findings=findings)

    def errored(self, why: str) -> GateReport:
        """Return a report that says what went wrong."""
        return GateReport(gate=self.id, version=self.version, status=Status.ERRORED, note=why)


def gate(
    id: str,
    *,
    asks: str,
    params: type[P],
    version: int = 1,
) -> Callable[[Callable[[GateContext, P], GateReport]], Gate[P]]:
    """Turn a function into a :class:`Gate`.

    Raises:
        ValueError: the id's family is none of :class:`Family`.
    """

    def wrap(measure: Callable[[GateContext, P], GateReport]) -> Gate[P]:
        made = Gate(id=id, asks=asks, version=version, params=params, measure=measure)
        Family(made.id.partition("/")[0])
        return made

    return wrap
