"""``gatekeeper worker`` and ``gatekeeper queue``: evaluations that outlive the process which asked for them."""

import logging
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from gatekeeper.cli.opening import workspace
from gatekeeper.cli.screen import console, print_json
from gatekeeper.cli.settings import Settings, load_settings
from gatekeeper.core.errors import UsageError
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.runtime.limits import Limits
from gatekeeper.runtime.log import JsonLines
from gatekeeper.runtime.opener import Opener
from gatekeeper.runtime.port import RunStatus
from gatekeeper.runtime.ray.options import RayOptions
from gatekeeper.runtime.stored import StoredRuntime

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command()(worker)
    queue = typer.Typer(
        name="queue", help="Evaluations that wait for a worker, or that one has.", no_args_is_help=True
    )
    queue.command("list")(waiting)
    queue.command("cancel")(cancel)
    queue.command("events")(events)
    app.add_typer(queue)


def worker(
    device: Annotated[
        str | None, typer.Option("--device", help="What it computes on: workers of one device take turns.")
    ] = None,
    until_idle: Annotated[bool, typer.Option("--until-idle", help="End when nothing is left to evaluate.")] = False,
    ray: Annotated[
        str | None, typer.Option("--ray", help="Evaluate suites on a Ray cluster: auto, or HOST:PORT of its head.")
    ] = None,
) -> int:
    """Take evaluations from the queue, one at a time, until told to end. Start as many as there are devices."""
    from gatekeeper.runtime.worker import Worker

    settings = load_settings()
    cluster = _cluster(settings, ray or settings.ray)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    log = logging.getLogger("gatekeeper.runtime")
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    with workspace(settings, reach=False) as opened:
        working = Worker(
            opened,
            Opener(function=f"{__name__}:opened_at", argument=str(settings.root)),
            Limits(gate_seconds=settings.gate_seconds, memory_mib=settings.gate_memory_mib),
            device=device or settings.device or (cluster.device if cluster else socket.gethostname()),
            ray=cluster,
        )
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: working.end())
        working.work(settings.resolved_runtime_url, until_idle=until_idle)
    return 0


def _cluster(settings: Settings, address: str) -> RayOptions | None:
    if not address:
        return None
    if find_spec("ray") is None:
        raise UsageError("Ray is not installed here.", hint="pip install 'gatekeeper[ray]', on every node.")
    return RayOptions(address=address, cpus=settings.ray_cpus, wait_seconds=settings.ray_wait_seconds)


@contextmanager
def opened_at(root: str) -> Iterator[Workspace]:
    """Open the project in a folder, for a process that computes gates."""
    with workspace(load_settings(Path(root)), settle=False, reach=False) as opened:
        yield opened


def waiting(as_json: Json = False) -> int:
    """List the evaluations that wait or run, in the order they were asked for."""
    with _runtime(load_settings()) as runtime:
        going = runtime.going()
    if as_json:
        print_json({"runs": [_plain(each) for each in going]})
        return 0
    table = Table("run", "update", "model", "state", "attempt", "worker")
    for each in going:
        state = "CANCELLING" if each.cancelling else each.state
        table.add_row(each.run_id, each.update_id, each.model, state, str(each.attempt), each.worker or "")
    console(as_json=False).print(table)
    return 0


def cancel(run_id: Annotated[str, typer.Argument(help="The run.")], as_json: Json = False) -> int:
    """End an evaluation without a verdict. Its update becomes ERRORED and can be evaluated again."""
    with _runtime(load_settings()) as runtime:
        status = runtime.cancel(run_id)
    if as_json:
        print_json(_plain(status))
    else:
        said = "is being cancelled" if status.cancelling else f"is {status.state}"
        console(as_json=False).print(f"{run_id} {said}.", markup=False)
    return 0


def events(
    run_id: Annotated[str, typer.Argument(help="The run.")],
    after: Annotated[int, typer.Option("--after", min=0, help="Only those after the event of this number.")] = 0,
    as_json: Json = False,
) -> int:
    """Show what happened to an evaluation, oldest first."""
    with _runtime(load_settings()) as runtime:
        runtime.status(run_id)
        found = runtime.events(run_id, after)
    if as_json:
        print_json({"events": found})
        return 0
    screen = console(as_json=False)
    for each in found:
        line = f"{each.number} {each.at:%H:%M:%S} {each.kind} {each.gate or ''} {each.detail or ''}"
        screen.print(line.rstrip(), markup=False)
    return 0


@contextmanager
def _runtime(settings: Settings) -> Iterator[StoredRuntime]:
    with workspace(settings, settle=False, reach=False) as opened:
        yield StoredRuntime(opened.store)


def _plain(status: RunStatus) -> dict[str, object]:
    return {
        "run": status.run_id,
        "update": status.update_id,
        "model": status.model,
        "state": status.state,
        "attempt": status.attempt,
        "worker": status.worker,
        "device": status.device,
        "cancelling": status.cancelling,
        "error": status.error,
    }
