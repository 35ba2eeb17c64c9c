"""``gatekeeper serve``: the REST service of this project."""

import dataclasses
import ipaddress
import logging
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gatekeeper.cli.log_in import federation_of
from gatekeeper.cli.opening import PRINCIPALS_FILE, load_principals, open_notary, open_policy, workspace
from gatekeeper.cli.remind import patience_of
from gatekeeper.cli.screen import print_json
from gatekeeper.cli.settings import Settings, load_settings
from gatekeeper.cli.telemetry import Log, MetricsAt, told
from gatekeeper.cli.webhook_settings import intake_of, outgoing_of, registry_secret
from gatekeeper.core.digests import sha256_bytes
from gatekeeper.core.errors import UsageError
from gatekeeper.pipeline.remind import LogNotifier
from gatekeeper.pipeline.taking.intake import require_service
from gatekeeper.pipeline.uploads.depot import Depot
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.runtime.log import to_stderr
from gatekeeper.store import tokens
from policies.policy import Policy

if TYPE_CHECKING:
    from api.metering import ServiceMetrics
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
    metrics: MetricsAt = None,
    log: Log = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> int:
    """Answer over HTTP until told to end. Without tokens: for one person, on this machine, with a token shown once."""
    import uvicorn

    from api.app import create_app
    from api.housekeeping import housekeeping
    from api.runner import QueueRunner
    from api.settings import ServiceSettings
    from api.webhooks.background import Background, Bell
    from api.webhooks.sender import Sender
    from api.webhooks.settings import Incoming
    from audits.witness.server import listen

    settings = load_settings()
    folders = {
        "incoming": incoming or _folder(settings, settings.incoming),
        "scans": _folder(settings, settings.scans),
    }
    for name, folder in folders.items():
        if folder is not None and not folder.is_dir():
            raise UsageError(f"{name}: {folder} is not a folder.", hint="Make it first.")
    placed = None if folders["incoming"] is None else folders["incoming"].resolve()
    versions, aliases = Bell(), Bell()
    keys_dir, intake = settings.home_dir / "keys", intake_of(settings.intake, placed)
    rung = Incoming(secret=registry_secret(keys_dir), wake=versions.ring, look=aliases.ring)
    if log is not None:
        to_stderr(log, "gatekeeper", "uvicorn.error")
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    with workspace(settings, reach=False) as opened:
        federation = federation_of(settings, opened)
        lone, token = (None, None) if any(federation.values()) else _lone_user(opened, settings, host)
        open_policy(settings)
        if intake is not None:
            require_service(opened, intake.service)
        with listen(f"[{host}]:{port}" if ":" in host else f"{host}:{port}") as listener:
            app = create_app(
                opened,
                ServiceSettings(
                    policy=present_policy(settings),
                    refresh=present_people(settings),
                    lone=lone,
                    incoming=placed,
                    depot=None if placed is None else Depot(incoming=placed),
                    scans=None if folders["scans"] is None else folders["scans"].resolve(),
                    outgoing=(outgoing := outgoing_of(settings.webhooks, settings.root, keys_dir)),
                    registry=None if intake is None else rung,
                    open_metrics=metrics is None,
                    **federation,
                ),
                runner=QueueRunner() if settings.runtime == "queue" else None,
            )
            bound = listener.getsockname()[1]
            config = uvicorn.Config(
                app,
                log_config=uvicorn.config.LOGGING_CONFIG if log is None else None,
                log_level="warning",
                access_log=False,
                server_header=False,
                proxy_headers=False,
                lifespan="off",
            )
            sender = None if outgoing is None else Sender(opened.store, outgoing.poster, outgoing.key)
            beside = Background(
                app.state.service,
                versions=versions,
                aliases=aliases,
                sender=sender,
                intake=intake,
                every=settings.intake.every,
            )
            seen: ServiceMetrics = app.state.metrics
            figuring = told(settings, seen, service="gatekeeper-service", at=metrics, registry=seen.by_model)
            tidy = housekeeping(app.state.service, patience_of(settings), LogNotifier())
            with figuring as figures, beside.running(), tidy:
                url = f"http://[{host}]:{bound}" if ":" in host else f"http://{host}:{bound}"
                _say(url, token, figures, as_json=as_json)
                # uvicorn raises a signal again once it has ended: without a handler the process would end there and
                # then, and what it still had to say with it.
                for number in (signal.SIGTERM, signal.SIGINT):
                    signal.signal(number, lambda *_: None)
                uvicorn.Server(config).run(sockets=[listener])
    return 0


def _folder(settings: Settings, named: str) -> Path | None:
    return settings.root / named if named else None


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
        mark = _mark(*files, *(sorted(keys.iterdir()) if keys.is_dir() else ()))
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
            state = file.stat()
        except OSError:
            continue
        found.append((str(file), state.st_size, state.st_mtime_ns))
    return tuple(found)


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
