"""``gatekeeper serve``: the REST service of this project."""

import dataclasses
import functools
import ipaddress
import os
import socket
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gatekeeper.cli.opening import PRINCIPALS_FILE, load_principals, open_notary, open_policy, workspace
from gatekeeper.cli.screen import print_json
from gatekeeper.cli.serve_workers import MOST, listeners, run_workers
from gatekeeper.cli.settings import Settings, load_settings
from gatekeeper.core.digests import sha256_bytes
from gatekeeper.core.errors import UsageError
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import tokens
from policies.policy import Policy

if TYPE_CHECKING:
    from api.settings import LoneUser


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
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Answer over HTTP until told to end. Without tokens: for one person, on this machine, with a token shown once."""
    from audits.witness.server import listen

    settings = load_settings()
    if incoming is not None and not incoming.is_dir():
        raise UsageError(f"--incoming {incoming} is not a folder.", hint="Make it first.")
    if workers > 1 and settings.runtime != "queue":
        raise UsageError(
            "Several processes answer only where workers evaluate: the others know nothing of an evaluation in one.",
            hint='Set runtime = "queue" in gatekeeper.toml and start gatekeeper worker, or leave --workers out.',
        )
    with workspace(settings, reach=False) as opened:
        lone, token = _lone_user(opened, settings, host)
        open_policy(settings)
        with listen(f"[{host}]:{port}" if ":" in host else f"{host}:{port}") as listener:
            bound = listener.getsockname()[1]
            url = f"http://[{host}]:{bound}" if ":" in host else f"http://{host}:{bound}"
            place = None if incoming is None else incoming.resolve()
            if workers == 1:
                _say(url, token, as_json=as_json)
                _answer(settings, opened, listener, lone=lone, incoming=place)
                return 0
            shared = listeners(listener, workers)
    _say(url, token, as_json=as_json)
    run_workers(functools.partial(_work, root=settings.root, lone=lone, incoming=place), shared)
    return 0


def _work(listener: socket.socket, *, root: Path, lone: "LoneUser | None", incoming: Path | None) -> None:
    """Open the project in a process of its own, and answer."""
    settings = load_settings(root)
    with workspace(settings, reach=False) as opened:
        _answer(settings, opened, listener, lone=lone, incoming=incoming)


def _answer(
    settings: Settings,
    opened: Workspace,
    listener: socket.socket,
    *,
    lone: "LoneUser | None",
    incoming: Path | None,
) -> None:
    """Answer what comes to a socket until the process is told to end."""
    import uvicorn

    from api.app import create_app
    from api.runner import QueueRunner
    from api.settings import ServiceSettings

    app = create_app(
        opened,
        ServiceSettings(
            policy=present_policy(settings), refresh=present_people(settings), lone=lone, incoming=incoming
        ),
        runner=QueueRunner() if settings.runtime == "queue" else None,
    )
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, proxy_headers=False, lifespan="off"
    )
    uvicorn.Server(config).run(sockets=[listener])


def present_policy(settings: Settings) -> Callable[[], Policy]:
    """Return what gives the policy that applies now: loaded anew when its file has changed."""
    source = settings.resolved_policy()
    loaded: dict[tuple[tuple[str, int, int], ...], Policy] = {}

    def present() -> Policy:
        mark = () if source.startswith("builtin:") else _mark(Path(source))
        if mark not in loaded:
            policy = open_policy(settings)
            loaded.clear()
            loaded[mark] = policy
        return loaded[mark]

    return present


def present_people(settings: Settings) -> Callable[[Workspace], Workspace]:
    """Return what gives a workspace the people, keys and trust that apply now: read anew when a file has changed."""
    files = (settings.root / PRINCIPALS_FILE, settings.trust_file)
    keys = settings.home_dir / "keys"
    known: dict[tuple[tuple[str, int, int], ...], Workspace] = {}

    def present(opened: Workspace) -> Workspace:
        mark = _mark(*files) + _marks_in(keys)
        if mark not in known:
            fresh = dataclasses.replace(opened, principals=load_principals(files[0]), notary=open_notary(settings))
            known.clear()
            known[mark] = fresh
        return known[mark]

    return present


def _mark(*files: Path) -> tuple[tuple[str, int, int], ...]:
    """Return names, sizes and times of files, as far as they exist."""
    found = []
    for file in files:
        try:
            state = os.stat(file)  # noqa: PTH116  # asked at every request, and several times as fast
        except OSError:
            continue
        found.append((str(file), state.st_size, state.st_mtime_ns))
    return tuple(found)


def _marks_in(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Return the same of a folder's files; nothing of a folder that is not there."""
    found = []
    try:
        with os.scandir(folder) as files:
            for file in files:
                state = file.stat()
                found.append((file.name, state.st_size, state.st_mtime_ns))
    except OSError:
        return tuple(found)
    return tuple(sorted(found))


def _lone_user(opened: Workspace, settings: Settings, host: str) -> tuple["LoneUser | None", str | None]:
    """Return the one user of a service that has no tokens, and the token made for them.

    Raises:
        UsageError: others could reach the service, or this person is not among the project's people.
    """
    from api.settings import LoneUser

    with opened.store.reading() as session:
        if tokens.any_counts(session, now=datetime.now(UTC)):
            return None, None
    if not is_loopback(host):
        raise UsageError(
            f"Without tokens the service answers on this machine alone, not at {host}.",
            hint="Make tokens first: gatekeeper token create --for NAME.",
        )
    if settings.actor not in opened.principals:
        raise UsageError(
            f"{settings.actor} is not among this project's people.",
            hint="Name them in principals.toml, or set GATEKEEPER_ACTOR.",
        )
    token = tokens.new_token()
    return LoneUser(person=settings.actor, digest=sha256_bytes(token.encode())), token


def is_loopback(host: str) -> bool:
    """Return whether an address is this machine's own, written as a number or as ``localhost``."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _say(url: str, token: str | None, *, as_json: bool) -> None:
    if as_json:
        print_json({"url": url, "token": token})
    else:
        sys.stdout.write(f"listening at {url}\n")
        if token is not None:
            sys.stdout.write(f"single user, until this process ends: Authorization: Bearer {token}\n")
    sys.stdout.flush()
