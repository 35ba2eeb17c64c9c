"""``gatekeeper check`` and ``certify``: one update, one verdict, one exit code. Neither waits for people."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from audits.reports.lineage_plot import LineagePanel
from audits.reports.write import parse_target
from gatekeeper.cli.drift import panels_of
from gatekeeper.cli.opening import open_policy, workspace
from gatekeeper.cli.propose_there import Wanted, evaluate_there
from gatekeeper.cli.reporting import write_reports
from gatekeeper.cli.screen import RunScreen, console, print_json, summary, verdict_table
from gatekeeper.cli.settings import Settings, load_remote, load_settings
from gatekeeper.core.errors import UsageError, VerificationError
from gatekeeper.core.states import State
from gatekeeper.core.update import Provenance
from gatekeeper.core.verdict import Outcome, Verdict
from gatekeeper.pipeline import run
from gatekeeper.pipeline.lineage import drift_of
from gatekeeper.pipeline.outcome import Checked
from gatekeeper.pipeline.submit import Proposal
from gatekeeper.runtime.stored import StoredRuntime
from policies.policy import Policy

EXIT_BY_OUTCOME = {Outcome.ADMIT: 0, Outcome.REVIEW: 10, Outcome.BLOCK: 20}
EXIT_ERRORED = 30

Model = Annotated[str, typer.Option("--model", help="Registered model name.")]
UpdateDir = Annotated[Path, typer.Option("--update", help="Folder of the adapter or the full weights.")]
Base = Annotated[Path | None, typer.Option("--base", help="Base model of an adapter.")]
PolicyFile = Annotated[
    str | None, typer.Option("--policy", help="Policy file or builtin:NAME; default: the project's.")
]
Reports = Annotated[
    list[str] | None,
    typer.Option(
        "--report", help="FORMAT=FILE, repeatable; html, json, markdown, junit, sarif.", metavar="FORMAT=FILE"
    ),
]
Person = Annotated[str | None, typer.Option("--as", help="Who acts; default: the settings' actor.")]
Name = Annotated[str | None, typer.Option("--name", help="What to call the update; default: the folder's name.")]
Queued = Annotated[bool, typer.Option("--queue", help="Leave the evaluation to `gatekeeper worker`.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Method = Annotated[str, typer.Option("--method", help="Training method, as provenance.")]
Trainer = Annotated[str, typer.Option("--trainer", help="Who or what trained it, as provenance.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(check)
    app.command()(certify)


def exit_code(verdict: Verdict) -> int:
    """Return the process exit code of a verdict; what could not be evaluated is never a pass."""
    return EXIT_ERRORED if verdict.errored else EXIT_BY_OUTCOME[verdict.outcome]


def check(
    model: Model,
    update: UpdateDir,
    data: Annotated[Path | None, typer.Option("--data", help="Training rows: JSONL, JSON, CSV or Parquet.")] = None,
    policy: PolicyFile = None,
    base: Base = None,
    report: Reports = None,
    name: Name = None,
    person: Person = None,
    method: Method = "",
    trainer: Trainer = "",
    answers: Annotated[
        str | None, typer.Option("--answers", help="Your update that was sent back and that this one replaces.")
    ] = None,
    queue: Queued = False,
    as_json: Json = False,
) -> int:
    """Submit an update, run the gates and print the verdict. Exit codes: 0 admit, 10 review, 20 block, 30 error."""
    return _evaluate(
        first=False,
        model=model,
        update=update,
        data=data,
        policy=policy,
        base=base,
        targets=tuple(report or ()),
        name=name,
        person=person,
        provenance=Provenance(method=method, trainer=trainer),
        answers=answers,
        queue=queue,
        as_json=as_json,
    )


def certify(
    model: Model,
    update: UpdateDir,
    base: Base = None,
    policy: PolicyFile = None,
    report: Reports = None,
    name: Name = None,
    person: Person = None,
    queue: Queued = False,
    as_json: Json = False,
) -> int:
    """Submit a first champion under the policy's absolute limits. It becomes champion and anchor when promoted."""
    return _evaluate(
        first=True,
        model=model,
        update=update,
        data=None,
        policy=policy,
        base=base,
        targets=tuple(report or ()),
        name=name,
        person=person,
        provenance=Provenance(),
        queue=queue,
        as_json=as_json,
    )


def _evaluate(
    *,
    first: bool,
    model: str,
    update: Path,
    data: Path | None,
    policy: str | None,
    base: Path | None,
    targets: tuple[str, ...],
    name: str | None,
    person: str | None,
    provenance: Provenance,
    queue: bool,
    as_json: bool,
    answers: str | None = None,
) -> int:
    remote = load_remote()
    if remote is not None:
        if policy is not None:
            raise UsageError("The service decides by its own policy.", hint="Leave --policy out.")
        wanted = Wanted(
            model=model,
            update=str(update),
            data=None if data is None else str(data),
            base=None if base is None else str(base),
            name=name,
            person=person,
            provenance=provenance,
            first=first,
            answers=answers,
        )
        decided = evaluate_there(remote, wanted, targets, queue=queue, as_json=as_json)
        return 0 if decided is None else exit_code(decided)
    for path, option in ((update, "--update"), (base, "--base")):
        if path is not None and not path.is_dir():
            raise UsageError(f"{option} {path} is not a folder.", hint="Name the folder that holds the weights.")
    if data is not None and not data.is_file():
        raise UsageError(f"--data {data} is not a file.", hint="Name a JSONL, JSON, CSV or Parquet file.")
    for target in targets:
        parse_target(target)
    settings = load_settings()
    chosen = open_policy(settings, policy)
    proposal = Proposal(
        name=name or update.resolve().name,
        model=model,
        artifact=update.resolve(),
        data=data.resolve() if data else None,
        submitter=person or settings.actor,
        base=base.resolve() if base else None,
        provenance=provenance,
        answers=answers,
    )
    if queue:
        if targets:
            raise UsageError("--queue has no verdict to report yet.", hint="Leave --report out.")
        return _queue(settings, proposal, chosen, first=first, as_json=as_json)
    screen = console(as_json=as_json)
    with workspace(settings) as opened, RunScreen(screen, proposal.name) as watching:
        audience = run.Audience(watcher=watching, progress=watching)
        with run.evaluation(opened, audience) as resources:
            step = run.certify if first else run.check
            checked = step(opened, proposal, chosen, resources, audience)
    if as_json:
        print_json(summary((checked,)))
    else:
        _show(screen, checked)
    try:
        panels = _lineage(settings, model) if targets else ()
        title = f"{model}: {proposal.name}"
        write_reports((checked,), targets, model=model, title=title, lineage=panels)
    except (
        UsageError,
        VerificationError,
    ) as error:  # the verdict above stands, and is the one object on standard output
        console(as_json=True).print(f"{error.message} {error.hint}", style="bold red", markup=False)
        return error.exit_code
    return exit_code(checked.verdict)


def _queue(settings: Settings, proposal: Proposal, policy: Policy, *, first: bool, as_json: bool) -> int:
    """Propose, and leave the evaluation to a worker."""
    with workspace(settings) as opened:
        update = run.propose(opened, proposal, policy, first=first)
        run_id = StoredRuntime(opened.store).enqueue(update.id, policy)
    if as_json:
        print_json({"update": update.id, "run": run_id})
    else:
        console(as_json=False).print(f"{update.id} waits for a worker as {run_id}.", markup=False)
    return 0


def _show(screen: Console, checked: Checked) -> None:
    screen.print(verdict_table((checked,)))
    if checked.state is State.PENDING_APPROVAL:
        screen.print("Next, by somebody else than its proposer:", markup=False)
        screen.print(f"  gatekeeper approve {checked.update_id} --as NAME", markup=False)
        screen.print(f"  gatekeeper promote {checked.update_id}", markup=False)
    else:
        screen.print(f"Rule by rule: gatekeeper policy explain {checked.update_id}", markup=False)


def _lineage(settings: Settings, model: str) -> tuple[LineagePanel, ...]:
    """Return the champions so far against the anchor, for the report."""
    with workspace(settings, settle=False) as opened:
        return panels_of(drift_of(opened, model))
