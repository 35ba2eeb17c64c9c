"""``gatekeeper reconcile``: look for what happened behind the gate's back, once or for as long as it runs.

Aliases are compared in rounds of their own, so that hashing a large version never delays them.
"""

import dataclasses
import signal
import threading
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from types import FrameType
from typing import Annotated, Final

import typer

from gatekeeper.cli.opening import open_policy, workspace
from gatekeeper.cli.reconcile_metrics import Metrics
from gatekeeper.cli.reconcile_report import Line, Rounds, changes, keep_rounds, last_rounds, summary
from gatekeeper.cli.screen import console, print_json
from gatekeeper.cli.settings import Settings, load_settings
from gatekeeper.core.errors import GatekeeperError, UsageError
from gatekeeper.pipeline.reconcile import Round, reconcile_aliases, reconcile_files, reconcile_round
from gatekeeper.pipeline.workspace import Workspace
from policies.policy import Policy

EVERY: Final = 30.0
LONGEST: Final = 60.0
EXIT_DRIFT: Final = 20
EXIT_NOT_ASKED: Final = 30


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(reconcile)


def reconcile(
    once: Annotated[bool, typer.Option("--once", help="Make one round and end.")] = False,
    every: Annotated[float, typer.Option("--every", help="Seconds between rounds, at most 60.")] = EVERY,
    policy: Annotated[str | None, typer.Option("--policy", help="Policy; default: the project's.")] = None,
    metrics_port: Annotated[int | None, typer.Option("--metrics-port", help="Serve metrics for Prometheus.")] = None,
    metrics_address: Annotated[str, typer.Option("--metrics-address", help="Where to serve them.")] = "127.0.0.1",
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object; without --once, one for each change.")
    ] = False,
) -> int:
    """Find aliases that were moved, versions that were deleted and bytes that were changed behind the gate's back."""
    if not 0 < every <= LONGEST:
        raise UsageError(f"--every {every:g} is not allowed.", hint="Choose more than 0 and at most 60 seconds.")
    if once and metrics_port is not None:
        raise UsageError("--metrics-port has no use with --once.", hint="Leave one of them out.")
    settings = load_settings()
    chosen = open_policy(settings, policy)
    with workspace(settings, settle=False, reach=False) as opened:
        if once:
            return _once(opened, settings, chosen, as_json=as_json)
        return _Loop(opened, settings, chosen, every=every, as_json=as_json).run(metrics_port, metrics_address)


def _once(opened: Workspace, settings: Settings, policy: Policy, *, as_json: bool) -> int:
    seen = reconcile_round(opened, policy=policy)
    _keep(settings, seen)
    if as_json:
        print_json(summary(seen))
    else:
        for line in changes(seen, None):
            _say(line, seen.at, as_json=False)
        known = {each.id for each in seen.changes.found}
        for each in seen.lasting:
            if each.id not in known:
                _say(Line(what="lasts", text=str(each.drift), drift=each.id, alarm=True), seen.at, as_json=False)
        if not seen.errors and not seen.lasting:
            console(as_json=False).print("Registry, files and record agree.", markup=False)
    if seen.errors:
        return EXIT_NOT_ASKED
    return EXIT_DRIFT if seen.lasting else 0


class _Loop:
    """Rounds until somebody stops them: aliases in the main thread, files beside it."""

    def __init__(self, opened: Workspace, settings: Settings, policy: Policy, *, every: float, as_json: bool) -> None:
        self._workspace = opened
        self._settings = settings
        self._policy = policy
        self._every = every
        self._as_json = as_json
        self._metrics = Metrics()
        self._stop = threading.Event()
        self._saying = threading.Lock()
        self._file_errors: tuple[str, ...] = ()

    def run(self, metrics_port: int | None, metrics_address: str) -> int:
        """Make rounds until SIGINT or SIGTERM; the round that is going on is ended first.

        Raises:
            UsageError: the metrics' port is taken.
        """
        with self._metrics.served(metrics_port, metrics_address), self._until_told(), ThreadPoolExecutor(1) as beside:
            files = beside.submit(self._watch_files)
            files.add_done_callback(lambda _: self._stop.set())  # one does not go on without the other
            try:
                self._watch_aliases()
            finally:
                self._stop.set()
            files.result()
        return 0

    def _watch_aliases(self) -> None:
        earlier: Round | None = None
        while not self._stop.is_set():
            began = time.monotonic()
            seen = self._aliases(earlier)
            self._metrics.ended(seen)
            _keep(self._settings, seen)
            self._report(changes(seen, earlier), seen.at)
            earlier = seen
            self._stop.wait(max(0.0, self._every - (time.monotonic() - began)))

    def _aliases(self, earlier: Round | None) -> Round:
        """Return a round over the aliases, with what could not be asked about files; never raises for the outside."""
        try:
            seen = reconcile_aliases(self._workspace, policy=self._policy, earlier=earlier)
        except GatekeeperError as error:  # the application database, which every round needs
            lasting = () if earlier is None else earlier.lasting
            seen = Round(at=datetime.now(UTC), errors=(error.message,), lasting=lasting)
        return dataclasses.replace(seen, errors=tuple(dict.fromkeys(seen.errors + self._file_errors)))

    def _watch_files(self) -> None:
        while not self._stop.is_set():
            began = time.monotonic()
            self._files()
            self._stop.wait(max(0.0, self._every - (time.monotonic() - began)))

    def _files(self) -> None:
        try:
            seen = reconcile_files(self._workspace)
        except GatekeeperError as error:
            self._file_errors = (error.message,)
            return
        self._file_errors = seen.errors
        self._metrics.show(seen)
        # Errors are told once, with the aliases' own.
        self._report(changes(dataclasses.replace(seen, errors=()), None), seen.at)

    def _report(self, lines: Iterable[Line], at: datetime) -> None:
        with self._saying:
            for line in lines:
                _say(line, at, as_json=self._as_json)

    @contextmanager
    def _until_told(self) -> Iterator[None]:
        """Stop after the present round when the process is told to; a second time ends it at once."""

        def told(number: int, frame: FrameType | None) -> None:
            del number, frame
            if self._stop.is_set():
                raise KeyboardInterrupt
            self._stop.set()

        former = {each: signal.signal(each, told) for each in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for each, handler in former.items():
                signal.signal(each, handler)


def _keep(settings: Settings, seen: Round) -> None:
    last = seen.at.isoformat(timespec="seconds")
    keep_rounds(settings, Rounds(last=last, good=last_rounds(settings).good if seen.errors else last))


def _say(line: Line, at: datetime, *, as_json: bool) -> None:
    moment = at.isoformat(timespec="seconds")
    if as_json:
        print_json({"at": moment, "what": line.what, "drift": line.drift, "text": line.text})
        return
    screen = console(as_json=False)
    screen.print(
        f"{moment} {line.what:<9} {line.text}",
        style="bold red" if line.alarm else None,
        markup=False,
        soft_wrap=True,
    )
