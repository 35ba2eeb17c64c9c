"""``gatekeeper reconcile``: watch that registry, database and files stay together, and say where they do not."""

import signal
import threading
from datetime import UTC, datetime
from types import FrameType
from typing import Annotated, Final

import typer
from rich.console import Console

from gatekeeper.cli.drift_metrics import DriftMetrics
from gatekeeper.cli.opening import open_policy, workspace
from gatekeeper.cli.screen import console, print_json
from gatekeeper.cli.settings import Settings, load_settings
from gatekeeper.core.errors import GatekeeperError
from gatekeeper.pipeline.reconcile import Apart, Round
from gatekeeper.pipeline.reconcile import reconcile as do_round

EXIT_DRIFT: Final = 20
EXIT_NOT_LOOKED: Final = 30


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(reconcile)


def reconcile(
    once: Annotated[bool, typer.Option("--once", help="Do one round and end.")] = False,
    every: Annotated[float, typer.Option("--every", min=1, max=60, help="Seconds between two rounds.")] = 30,
    metrics_port: Annotated[
        int | None, typer.Option("--metrics-port", min=0, max=65535, help="Serve Prometheus metrics on this port.")
    ] = None,
    metrics_host: Annotated[str, typer.Option("--metrics-host", help="Address to serve them at.")] = "127.0.0.1",
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a round.")] = False,
) -> int:
    """Look for aliases, versions and bytes that changed behind the gate's back; put aliases back if the policy says.

    With --once: 0 when everything agrees, 20 when something is apart, 30 when it could not be looked at.
    """
    settings = load_settings()
    screen = console(as_json=as_json)
    if once:
        came_to = _round(settings)
        _say(screen, came_to, as_json=as_json, always=True)
        if came_to.lasting:
            return EXIT_DRIFT
        return EXIT_NOT_LOOKED if came_to.errors else 0
    metrics = DriftMetrics()
    if metrics_port is not None:
        port = metrics.serve(metrics_host, metrics_port)
        screen.print(f"Metrics at http://{metrics_host}:{port}/metrics.", markup=False)
    stopping = _stop_on_signals()
    screen.print(f"Looking every {every:g} seconds; stop with Ctrl-C.", markup=False)
    first = True
    while not stopping.is_set():
        try:
            came_to = _round(settings)
        except GatekeeperError as error:  # a registry that is down is waited for, and said
            came_to = Round(at=datetime.now(UTC), lasting=(), errors=(str(error),))
            metrics.failed()
        else:
            metrics.looked(came_to)
        _say(screen, came_to, as_json=as_json, always=first)
        first = False
        stopping.wait(every)
    return 0


def _round(settings: Settings) -> Round:
    # Opened for each round, so that a changed policy, trust file or database address counts from the next one on.
    with workspace(settings, settle=False) as opened:
        return do_round(opened, open_policy(settings))


def _stop_on_signals() -> threading.Event:
    """Return an event that Ctrl-C or the service manager sets: a round that has begun is finished first."""
    stopping = threading.Event()

    def stop(number: int, frame: FrameType | None) -> None:
        del number, frame
        stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    return stopping


def _say(screen: Console, came_to: Round, *, as_json: bool, always: bool) -> None:
    """Show a round: as JSON always, as text only what is new unless it is the first."""
    if as_json:
        print_json(
            {
                "at": came_to.at.isoformat(timespec="seconds"),
                "drifts": [fields(each) for each in came_to.lasting],
                "found": len(came_to.found),
                "cleared": came_to.cleared,
                "restored": [fields(each) for each in came_to.restored],
                "hashed": came_to.hashed,
                "errors": came_to.errors,
            }
        )
        return
    stamp = f"{came_to.at:%H:%M:%S}"
    for each in came_to.lasting if always else came_to.found:
        screen.print(f"{stamp} {sentence(each)}", style="bold red", markup=False)
    for each in came_to.restored:
        screen.print(f"{stamp} {each.model}@{each.alias} was put back to version {each.version}.", markup=False)
    if came_to.cleared:
        screen.print(f"{stamp} {came_to.cleared} drifts are gone.", markup=False)
    for error in came_to.errors:
        screen.print(f"{stamp} {error}", style="bold yellow", markup=False)
    if always and not came_to.lasting and not came_to.errors:
        screen.print(f"{stamp} Registry, database and files agree.", markup=False)


def sentence(apart: Apart) -> str:
    """Return a drift as a sentence."""
    alias, version = f"{apart.model}@{apart.alias}", f"Version {apart.version} of {apart.model}"
    return {
        "alias-moved": f"{alias} points to version {apart.observed}; the last promotion left it at "
        f"{'version ' + apart.version if apart.version else 'nothing'}.",
        "alias-missing": f"{alias} is gone; the last promotion left it at version {apart.version}.",
        "version-deleted": f"{version} was deleted.",
        "files-changed": f"{version} has other files than before, and they cannot be read.",
        "bytes-changed": f"{version} no longer holds the bytes that were promoted.",
    }[apart.kind.value]


def fields(apart: Apart) -> dict[str, str | None]:
    """Return a drift as JSON fields."""
    return {
        "kind": apart.kind.value,
        "model": apart.model,
        "alias": apart.alias or None,
        "version": apart.version or None,
        "observed": apart.observed or None,
        "text": sentence(apart),
    }
