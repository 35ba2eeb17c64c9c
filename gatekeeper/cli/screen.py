"""What a person sees while a run goes on and when it has ended. Everything goes to standard error except results."""

import json
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Protocol, Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from gatekeeper.core.digests import plain
from gatekeeper.core.gate import Gate
from gatekeeper.core.states import State
from gatekeeper.core.verdict import Outcome, Verdict
from gatekeeper.pipeline.collect import GateRun, Watcher

STYLES = {Outcome.ADMIT: "bold green", Outcome.REVIEW: "bold yellow", Outcome.BLOCK: "bold red"}


class Judged(Protocol):
    """An update and its verdict, judged here or by a service."""

    @property
    def name(self) -> str:
        """What people call it."""
        ...

    @property
    def update_id(self) -> str:
        """Its id."""
        ...

    @property
    def state(self) -> State:
        """Where it stands."""
        ...

    @property
    def verdict(self) -> Verdict:
        """What was decided."""
        ...

    @property
    def gates(self) -> int | None:
        """How many gates reported; ``None`` where that is not told."""
        ...

    @property
    def seconds(self) -> float:
        """Wall time from proposal to verdict."""
        ...


def console(*, as_json: bool) -> Console:
    """Return the console for people: standard output, or standard error where standard output carries JSON."""
    return Console(stderr=as_json, highlight=False)


def print_json(value: object) -> None:
    """Write one JSON object to standard output."""
    sys.stdout.write(json.dumps(plain(value), ensure_ascii=False, sort_keys=True) + "\n")
    sys.stdout.flush()


class RunScreen(Watcher):
    """A progress bar over the gates of one update, with what the present gate is doing beside it."""

    def __init__(self, screen: Console, title: str) -> None:
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=screen,
            transient=True,
        )
        self._title = title
        self._gates = self._progress.add_task(title, total=None)
        self._inside = self._progress.add_task("", total=None, visible=False)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._progress.stop()

    def rename(self, title: str) -> None:
        """Watch another update from here on."""
        self._title = title

    def begin(self, gates: tuple[str, ...]) -> None:
        """Size the bar."""
        self._progress.reset(self._gates, total=len(gates), description=self._title)

    def started(self, gate: Gate[Any]) -> None:
        """Name the gate."""
        self._progress.update(self._gates, description=f"{self._title} · {gate.id}")

    def finished(self, run: GateRun, outcome: Outcome) -> None:
        """Move the bar."""
        del run, outcome
        self._progress.update(self._gates, advance=1)
        self._progress.update(self._inside, visible=False)

    def skipped(self, gates: tuple[str, ...]) -> None:
        """Move the bar past what will not run."""
        self._progress.update(self._gates, advance=len(gates))

    def start(self, label: str, total: int | None) -> None:
        """Show what the present gate is doing."""
        self._progress.reset(self._inside, description=f"  {label}", total=total, visible=True)

    def advance(self, steps: int = 1) -> None:
        """Move the inner bar."""
        self._progress.update(self._inside, advance=steps)

    def inside(self, done: int, total: int) -> None:
        """Set the inner bar, as the evaluation engine reports it."""
        self._progress.update(self._inside, completed=done, total=total, visible=True)


def verdict_table(results: Sequence[Judged]) -> Table:
    """Return the table people read: update, verdict, state, the strictest reasons in words, time."""
    table = Table(show_lines=True, pad_edge=False)
    table.add_column("Update", style="bold")
    table.add_column("Verdict")
    table.add_column("State")
    table.add_column("Why", ratio=1)
    table.add_column("Time", justify="right")
    for result in results:
        outcome = result.verdict.outcome
        label = "ERROR" if result.verdict.errored else outcome.name
        table.add_row(
            Text(result.name),
            Text(label, style=STYLES[outcome]),
            Text(result.state.value),
            Text("\n".join(main_reasons(result))),
            f"{result.seconds:.0f} s",
        )
    return table


def main_reasons(result: Judged) -> list[str]:
    """Return the sentences that decided, the first of each gate, and what was left out because of them."""
    strictest = [reason for reason in result.verdict.reasons if reason.outcome is result.verdict.outcome]
    if result.verdict.outcome is Outcome.ADMIT:
        return [f"{'All' if result.gates is None else f'All {result.gates}'} gates passed within the policy's limits."]
    first = {reason.gate: reason.text for reason in reversed(strictest)}
    lines = [first[gate] for gate in dict.fromkeys(reason.gate for reason in strictest)]
    if len(lines) < len(strictest):
        lines.append(f"(and {len(strictest) - len(lines)} more limits of the same gates)")
    if result.verdict.not_run:
        lines.append("Not run: " + ", ".join(result.verdict.not_run) + ".")
    return lines


def summary(results: Sequence[Judged]) -> dict[str, object]:
    """Return the machine-readable form of ``demo --json`` and ``check --json``."""
    return {
        "updates": [
            {
                "name": result.name,
                "id": result.update_id,
                "outcome": result.verdict.outcome.name,
                "errored": result.verdict.errored,
                "state": result.state.value,
                "reasons": [
                    {"gate": reason.gate, "code": reason.code, "text": reason.text, "outcome": reason.outcome.name}
                    for reason in result.verdict.reasons
                    if reason.outcome is result.verdict.outcome or reason.outcome is not Outcome.ADMIT
                ],
                "not_run": list(result.verdict.not_run),
                "seconds": round(result.seconds, 3),
            }
            for result in results
        ]
    }
