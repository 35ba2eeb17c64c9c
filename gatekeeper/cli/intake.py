"""``gatekeeper intake``: versions that others put into the registry, taken as updates with or without the service."""

import signal
import threading
from pathlib import Path
from types import FrameType
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from audits.ledger.keys import create_secret
from gatekeeper.cli.opening import open_policy, workspace
from gatekeeper.cli.screen import console, print_json
from gatekeeper.cli.settings import Settings, load_settings
from gatekeeper.cli.webhook_settings import MLFLOW_KEY, intake_of
from gatekeeper.core.errors import GatekeeperError, UsageError
from gatekeeper.pipeline import run
from gatekeeper.pipeline.run import Audience
from gatekeeper.pipeline.taking.intake import Intake, Taken
from gatekeeper.pipeline.taking.look import Looked, find_version, look
from gatekeeper.pipeline.taking.take import take
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import intakes
from gatekeeper.store.tables import IntakeState

EXIT_NOT_ASKED = 30
EXIT_REFUSED = 20

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]
Incoming = Annotated[
    Path | None, typer.Option("--incoming", help="Folder that `incoming:` in a version's tags is below.")
]
Evaluate = Annotated[bool, typer.Option("--evaluate", help="Evaluate what was taken, here and now.")]


def register(app: typer.Typer) -> None:
    """Add the command group."""
    group = typer.Typer(help="Take versions from the registry as updates.", no_args_is_help=True)
    group.command("poll")(poll)
    group.command("take")(take_one)
    group.command("list")(list_versions)
    group.command("connect")(connect)
    app.add_typer(group, name="intake")


def poll(
    once: Annotated[bool, typer.Option("--once", help="Look once and end.")] = False,
    evaluate: Evaluate = False,
    incoming: Incoming = None,
    as_json: Json = False,
) -> int:
    """Look for versions that no update stands for, and propose them; the service does the same all the time."""
    settings = load_settings()
    intake, policy = _intake(settings, incoming), open_policy(settings)
    stop = threading.Event()
    with workspace(settings, reach=once) as opened:
        if once:
            seen = look(opened, intake, policy)
            _say(seen, as_json=as_json)
            if evaluate:
                _evaluate(opened, settings)
            return EXIT_NOT_ASKED if seen.errors else 0

        def told(number: int, frame: FrameType | None) -> None:
            del number, frame
            stop.set()

        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, told)
        while not stop.is_set():
            try:
                _say(look(opened, intake, policy), as_json=as_json, quiet=True)
                if evaluate:
                    _evaluate(opened, settings)
            except GatekeeperError as error:
                _say(Looked(errors=(error.message,)), as_json=as_json, quiet=True)
            stop.wait(settings.intake.every)
    return 0


def take_one(
    model: Annotated[str, typer.Argument(help="Registered model.")],
    version: Annotated[str, typer.Argument(help="Its version.")],
    incoming: Incoming = None,
    evaluate: Evaluate = False,
    as_json: Json = False,
) -> int:
    """Take one version now: also one that was refused, or was there before the gate began to look."""
    settings = load_settings()
    intake, policy = _intake(settings, incoming), open_policy(settings)
    with workspace(settings) as opened:
        found = find_version(opened, model, version)
        taken = take(opened, intake, policy, found, again=True)
        if evaluate:
            _evaluate(opened, settings)
    if taken is None:
        raise UsageError(
            f"Version {version} of {model} is not to be taken.",
            hint="It is an update, is the gate's own, or somebody takes it now: gatekeeper intake list.",
        )
    _say(Looked(taken=(taken,)), as_json=as_json)
    return EXIT_REFUSED if taken.state is IntakeState.REFUSED else 0


def list_versions(
    state: Annotated[IntakeState | None, typer.Option("--state", help="Only those.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, max=500)] = 50,
    as_json: Json = False,
) -> int:
    """List what was found in the registry, and what became of it."""
    with workspace(load_settings(), reach=False) as opened, opened.store.reading() as session:
        rows = intakes.latest(session, state=state, limit=limit)
    found = [
        Taken(
            model=row.model,
            version=row.version,
            state=row.state,
            update_id=row.update_id,
            code=row.code,
            reason=row.reason,
        )
        for row in rows
    ]
    if as_json:
        print_json({"versions": [_line(each) for each in found]})
        return 0
    console(as_json=False).print(_table(found) if found else "Nothing was found in the registry.")
    return 0


def connect(
    url: Annotated[str, typer.Argument(help="Where the registry reaches the service: https://gate.example")],
    name: Annotated[str, typer.Option("--name", help="Name of the webhook in MLflow.")] = "gatekeeper",
    as_json: Json = False,
) -> int:
    """Set the webhook up in MLflow: events, address, and a secret that both sides then have."""
    from gatekeeper.registry.mlflow_webhooks import connect_webhook

    settings = load_settings()
    _intake(settings, None)
    secret = create_secret(settings.home_dir / "keys" / MLFLOW_KEY)
    target = url.rstrip("/") + "/v1/webhooks/mlflow"
    made = connect_webhook(settings.resolved_tracking_uri, name=name, url=target, secret=secret.hex())
    if as_json:
        print_json({"webhook": made, "url": target})
    else:
        console(as_json=False).print(f"MLflow tells {target} about new versions and aliases ({made}).", markup=False)
    return 0


def _intake(settings: Settings, incoming: Path | None) -> Intake:
    """Return which versions are taken.

    Raises:
        UsageError: the settings name no service.
    """
    intake = intake_of(settings.intake, incoming)
    if intake is None:
        raise UsageError(
            "Registered versions are left alone here.",
            hint='Name who proposes them under [intake] in gatekeeper.toml: service = "registry".',
        )
    return intake


def _evaluate(opened: Workspace, settings: Settings) -> None:
    with opened.store.reading() as session:
        waiting = intakes.not_evaluated(session)
    policy = open_policy(settings)
    for update_id in waiting:
        with run.evaluation(opened, Audience()) as resources:
            run.evaluate(opened, update_id, policy, resources, Audience())


def _say(seen: Looked, *, as_json: bool, quiet: bool = False) -> None:
    if quiet and not (seen.taken or seen.errors or seen.began):
        return
    if as_json:
        print_json(
            {"taken": [_line(each) for each in seen.taken], "errors": list(seen.errors), "began": list(seen.began)}
        )
        return
    screen = console(as_json=False)
    for model in seen.began:
        screen.print(f"From now on versions of {model} are taken; those it has are not.", markup=False)
    for error in seen.errors:
        screen.print(error, markup=False, style="bold red")
    if seen.taken:
        screen.print(_table(seen.taken))
    elif not quiet and not seen.errors:
        screen.print("Nothing new in the registry.")


def _table(found: "tuple[Taken, ...] | list[Taken]") -> Table:
    table = Table(pad_edge=False)
    for column in ("Model", "Version", "Is", "Update", "Why"):
        table.add_column(column, overflow="fold")
    for each in found:
        shown = (each.model, each.version, each.state.value, each.update_id or "–", each.reason or each.code or "–")
        table.add_row(*map(Text, shown))
    return table


def _line(taken: Taken) -> dict[str, str | None]:
    return {
        "model": taken.model,
        "version": taken.version,
        "state": taken.state.value,
        "update": taken.update_id,
        "code": taken.code,
        "reason": taken.reason,
    }
