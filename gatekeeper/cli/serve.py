"""``gatekeeper serve``: the REST service of this project, and its pages."""

import functools
import os
import socket
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from gatekeeper.cli.opening import open_policy, workspace
from gatekeeper.cli.screen import print_json
from gatekeeper.cli.serve_workers import MOST, listeners, run_workers
from gatekeeper.cli.settings import Settings, load_settings
from gatekeeper.cli.telemetry import Log, MetricsAt
from gatekeeper.core.errors import UsageError

if TYPE_CHECKING:
    from gatekeeper.cli.serve_answering import Answering


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(serve)


def serve(
    host: Annotated[str, typer.Option("--host", help="Address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")] = 8780,
    incoming: Annotated[
        Path | None, typer.Option("--incoming", help="Folder below which proposers leave files they may name.")
    ] = None,
    workers: Annotated[
        int, typer.Option("--workers", min=1, max=MOST, help="Processes that answer; more than one needs the queue.")
    ] = 1,
    metrics: MetricsAt = None,
    log: Log = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Answer over HTTP until told to end. Without tokens: for one person, on this machine, with a token shown once."""
    from audits.witness.server import listen
    from gatekeeper.cli.log_in import federation_of
    from gatekeeper.cli.serve_answering import Answering
    from gatekeeper.cli.serve_beside import Beside
    from gatekeeper.cli.serve_lone import lone_user

    settings = load_settings()
    _require_one_or_queue(settings, workers, metrics)
    place = _folder("incoming", incoming or _named(settings, settings.incoming))
    scans = _folder("scans", _named(settings, settings.scans))
    with workspace(settings, reach=False) as opened:
        # What is wrong with the settings is said here, once, before any process answers.
        Beside(settings, place).require_people(opened)
        lone, token = (
            (None, None) if any(federation_of(settings, opened).values()) else lone_user(opened, settings, host)
        )
        open_policy(settings)
        answering = Answering(
            lone=lone,
            incoming=place,
            scans=scans,
            log=log,
            metrics=metrics,
            open_metrics=metrics is None,
        )
        with listen(f"[{host}]:{port}" if ":" in host else f"{host}:{port}") as listener:
            bound = listener.getsockname()[1]
            url = f"http://[{host}]:{bound}" if ":" in host else f"http://{host}:{bound}"
            say = functools.partial(_say, url, token, as_json=as_json)
            if workers == 1:
                answering.answer(settings, opened, listener, say)
                return 0
            shared = listeners(listener, workers)
    say(None)
    with TemporaryDirectory() as figures:
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = figures  # where the processes put their figures together
        run_workers(functools.partial(_work, root=settings.root, answering=answering), shared)
    return 0


def _work(listener: socket.socket, *, root: Path, answering: "Answering") -> None:
    """Open the project in a process of its own, and answer."""
    settings = load_settings(root)
    with workspace(settings, reach=False) as opened:
        answering.answer(settings, opened, listener)


def _require_one_or_queue(settings: Settings, workers: int, metrics: str | None) -> None:
    """Return when so many processes can answer.

    Raises:
        UsageError: what one of them knows the others would have to know.
    """
    if workers > 1 and settings.runtime != "queue":
        raise UsageError(
            "Several processes answer only where workers evaluate: what one of them evaluates is unknown to the rest.",
            hint='Set runtime = "queue" in gatekeeper.toml and start gatekeeper worker, or leave --workers out.',
        )
    if workers > 1 and metrics is not None:
        raise UsageError(
            "Only one process can have a port of its own for figures, and --workers starts several.",
            hint="Leave --metrics out: /metrics answers for all of them.",
        )


def _named(settings: Settings, folder: str) -> Path | None:
    return settings.root / folder if folder else None


def _folder(name: str, folder: Path | None) -> Path | None:
    if folder is not None and not folder.is_dir():
        raise UsageError(f"{name}: {folder} is not a folder.", hint="Make it first.")
    return None if folder is None else folder.resolve()


def _say(url: str, token: str | None, figures: str | None, *, as_json: bool) -> None:
    if as_json:
        print_json({"url": url, "token": token, "metrics": figures})
    else:
        sys.stdout.write(f"listening at {url}\n")
        if figures is not None:
            sys.stdout.write(f"figures at {figures}\n")
        if token is not None:
            sys.stdout.write(f"single user, until this process ends: Authorization: Bearer {token}\n")
    sys.stdout.flush()
