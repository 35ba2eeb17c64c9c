"""``gatekeeper scan artifact``: the gates that read files and tensors, on a folder, with no project or registry.

``scan data`` is :mod:`gatekeeper.cli.scan_data`.
"""

import dataclasses
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from gatekeeper.cli.check import exit_code
from gatekeeper.cli.scan_data import data
from gatekeeper.cli.screen import STYLES, console, print_json
from gatekeeper.core.errors import UsageError
from gatekeeper.core.findings import Finding
from gatekeeper.core.gate import Family, GateContext
from gatekeeper.core.update import Artifact, Update
from gatekeeper.gates.catalogue import discover
from gatekeeper.intake.artifact import read_artifact
from gatekeeper.pipeline.collect import Watcher, collect, run_gate
from policies.decide import decide
from policies.load import load_policy
from policies.policy import Policy

MODEL = "scan"
_FAMILIES = (Family.ARTIFACT, Family.WEIGHTS)


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(help="Look at files without proposing them.", no_args_is_help=True)
    group.callback()(_group)
    group.command("artifact")(artifact)
    group.command("data")(data)
    app.add_typer(group, name="scan")


def _group() -> None:
    """Look at files without proposing them."""


def artifact(
    folder: Annotated[Path, typer.Argument(help="Folder of an adapter or of full weights.")],
    base: Annotated[Path | None, typer.Option("--base", help="Base model of an adapter.")] = None,
    policy: Annotated[str, typer.Option("--policy", help="Policy whose limits apply.")] = "builtin:baseline",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Can loading this run code, does it change the template, do its tensors fit? Nothing is loaded or executed."""
    for path in (folder, base):
        if path is not None and not path.is_dir():
            raise UsageError(f"{path} is not a folder.", hint="Name the folder that holds the weights.")
    scanned = read_artifact(folder.resolve(), base.resolve() if base else None)
    catalogue = discover()
    chosen = _only_files(load_policy(policy, catalogue))
    with tempfile.TemporaryDirectory(prefix="gatekeeper-scan-") as draft:
        collected = collect(
            chosen,
            "gates",
            catalogue,
            lambda gate, rule: run_gate(gate, rule, lambda workdir: _context(scanned, workdir), Path(draft)),
            watcher=Watcher(),
        )
    verdict = decide(chosen, collected.reports, update_digest=scanned.manifest.digest, not_run=collected.not_run)
    findings = [finding for run in collected.runs for finding in run.report.findings]
    if as_json:
        print_json(
            {
                "outcome": verdict.outcome.name,
                "kind": scanned.kind,
                "digest": scanned.manifest.digest,
                "reasons": verdict.reasons,
                "findings": [{**_fields(finding), "severity": finding.severity.name.lower()} for finding in findings],
            }
        )
        return exit_code(verdict)
    screen = console(as_json=False)
    screen.print(Text(f"{verdict.outcome.name}", style=STYLES[verdict.outcome]), f"{scanned.kind} {folder}")
    for reason in verdict.reasons:
        screen.print(f"  {reason.outcome.name:6} {reason.text}", markup=False)
    if findings:
        table = Table(pad_edge=False)
        for column in ("Severity", "Where", "What"):
            table.add_column(column)
        for finding in findings:
            table.add_row(finding.severity.name, Text(finding.subject), Text(finding.message))
        screen.print(table)
    return exit_code(verdict)


def _only_files(policy: Policy) -> Policy:
    """Return the policy with the gates that read files and tensors, none of which may stop the others."""
    kept = tuple(rule for rule in policy.gates if Family(rule.gate.partition("/")[0]) in _FAMILIES)
    if not kept:
        raise UsageError(f"The policy {policy.name} names no artifact gate.", hint="Use builtin:baseline.")
    return dataclasses.replace(policy, gates=kept, certify=(), stop_early=False)


def _context(scanned: Artifact, workdir: Path) -> GateContext:
    update = Update(id="upd-scan", name="scan", model=MODEL, candidate=scanned, data=None)
    return GateContext(update=update, champion=None, anchor=None, rows=None, workdir=workdir, seed=0)


def _fields(finding: Finding) -> dict[str, object]:
    return {field.name: getattr(finding, field.name) for field in dataclasses.fields(finding)}
