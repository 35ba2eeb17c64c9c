"""``gatekeeper scan data``: the data gates of a policy on one file, with no project or registry."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gatekeeper.cli.check import exit_code
from gatekeeper.cli.screen import STYLES, RunScreen, console, print_json
from gatekeeper.core.errors import UsageError
from gatekeeper.core.gate import Family, Resources
from gatekeeper.core.row_work import RowExecutor
from gatekeeper.core.verdict import Outcome
from gatekeeper.gates.catalogue import discover
from gatekeeper.pipeline.collect import GateRun
from gatekeeper.pipeline.scan.outputs import NAMES
from gatekeeper.pipeline.scan.report import Asked
from gatekeeper.pipeline.scan.run import Scanned, scan
from policies.load import load_policy
from policies.policy import Policy


def data(
    file: Annotated[Path, typer.Argument(help="Training rows: JSONL, JSON, CSV or Parquet.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for accepted and quarantined rows and the report.")],
    history: Annotated[
        list[Path] | None, typer.Option("--history", help="File of accepted rows to compare with; repeatable.")
    ] = None,
    policy: Annotated[str, typer.Option("--policy", help="Policy whose limits apply.")] = "builtin:baseline",
    gate: Annotated[
        list[str] | None, typer.Option("--gate", help="Run only this data gate of the policy; repeatable.")
    ] = None,
    ray: Annotated[
        str | None, typer.Option("--ray", help="Work on a Ray cluster: auto, or HOST:PORT of its head.")
    ] = None,
    ray_workers: Annotated[
        int, typer.Option("--ray-workers", min=0, help="Chunks at once on the cluster; 0: one a CPU.")
    ] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Which rows may be learned from, and why do others wait? Exit codes: 0 admit, 10 review, 20 block, 30 error."""
    catalogue = discover()
    whole = load_policy(policy, catalogue)
    asked = Asked(
        file=file,
        out=out,
        policy=whole,
        scanned=only_data(whole, tuple(gate or ())),
        histories=tuple(history or ()),
    )
    with (
        _resources(ray, ray_workers) as resources,
        _ScanScreen(console(as_json=True), file.name) as watching,
    ):
        found = scan(asked, catalogue, watcher=watching, progress=watching, resources=resources)
    if as_json:
        print_json(_summary(found, out))
    else:
        _show(console(as_json=False), found, asked)
    return exit_code(found.verdict)


@contextmanager
def _resources(address: str | None, workers: int) -> Iterator[Resources]:
    """Give who works on the rows: a cluster where one is named, else processes of this machine.

    Raises:
        UsageError: Ray is not installed, or the address is none.
    """
    if address is None:
        if workers:
            raise UsageError("--ray-workers says nothing without --ray.", hint="Name a cluster: --ray auto.")
        yield Resources()
        return
    if find_spec("ray") is None:
        raise UsageError("Ray is not installed here.", hint="pip install 'gatekeeper[ray]', on every node.")
    from gatekeeper.runtime.ray.rows import RayRows

    cluster = RayRows(address, workers=workers)
    try:
        yield Resources({RowExecutor: cluster})
    finally:
        cluster.close()


class _ScanScreen(RunScreen):
    """The bar of a run; where nobody can see it move, a line for each gate that ends."""

    def __init__(self, screen: Console, title: str) -> None:
        super().__init__(screen, title)
        self._lines = None if screen.is_terminal else screen

    def finished(self, run: GateRun, outcome: Outcome) -> None:
        """Move the bar, or write the line."""
        super().finished(run, outcome)
        if self._lines is not None:
            self._lines.print(f"{run.report.gate}: {outcome.name} after {run.seconds:.1f} s", markup=False)


def only_data(policy: Policy, named: tuple[str, ...]) -> Policy:
    """Return the policy with its data gates, or those of them that are named; none of them stops the others.

    Raises:
        UsageError: the policy has no data gate, or not the one that is named.
    """
    known = tuple(rule for rule in policy.gates if rule.gate.partition("/")[0] == Family.DATA)
    for name in named:
        if name not in {rule.gate for rule in known}:
            raise UsageError(
                f"The policy {policy.name} sets no limits for a data gate {name}.",
                hint="It does for: " + (", ".join(rule.gate for rule in known) or "none") + ".",
            )
    kept = tuple(rule for rule in known if not named or rule.gate in named)
    if not kept:
        raise UsageError(f"The policy {policy.name} names no data gate.", hint="Use builtin:baseline.")
    return dataclasses.replace(policy, gates=kept, certify=(), stop_early=False)


def _summary(found: Scanned, out: Path) -> dict[str, object]:
    report = found.report
    return {
        **{key: report[key] for key in ("outcome", "errored", "reasons", "rows", "history")},
        "gates": [
            {"gate": gate, "tests": {test: rows for (of, test), rows in found.rows.tests.items() if of == gate}}
            for gate in dict.fromkeys(reason.gate for reason in found.verdict.reasons)
        ],
        "outputs": {name: str(out / name) for name in NAMES if (out / name).exists()},
    }


def _show(screen: Console, found: Scanned, asked: Asked) -> None:
    outcome, rows = found.verdict.outcome, found.rows
    label = "ERROR" if found.verdict.errored else outcome.name
    screen.print(
        Text(label, style=STYLES[outcome]),
        Text(f"{asked.file}: {rows.read} rows, {rows.accepted} accepted, {rows.quarantined} in quarantine"),
    )
    for reason in found.verdict.reasons:
        if reason.outcome is not Outcome.ADMIT:
            screen.print(f"  {reason.outcome.name:6} {reason.text}", markup=False)
    if rows.tests:
        table = Table(pad_edge=False)
        for column in ("Gate", "Test"):
            table.add_column(column)
        table.add_column("Rows", justify="right")
        for (gate, test), count in rows.tests.items():
            table.add_row(Text(gate), Text(test), str(count))
        screen.print(table)
    if rows.withheld:
        screen.print(
            f"{rows.withheld} rows without a flag are not accepted either: a gate could not be evaluated.",
            markup=False,
        )
    screen.print(f"Written to {asked.out}: " + ", ".join(n for n in NAMES if (asked.out / n).exists()), markup=False)
    if rows.quarantined:
        screen.print(f"Next: gatekeeper quarantine list {asked.out}", markup=False)
