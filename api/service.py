"""What every route shares: the installation as it is now, the settings, and who evaluates."""

import logging
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Final

from starlette.requests import Request

from api.between import BetweenProcesses
from api.claims import Claims, InDatabase, OnThisMachine
from api.dashboard.sessions import Sessions
from api.problems import Problem
from api.progress import Board
from api.rates import Rates
from api.runner import Runner
from api.settings import ServiceSettings
from api.threads import IN_TURN, TOGETHER
from gatekeeper.core.errors import UsageError
from gatekeeper.core.waiting import waiting
from gatekeeper.pipeline.dead_runs import end_dead_runs
from gatekeeper.pipeline.lapse import lapse
from gatekeeper.pipeline.moves import recover
from gatekeeper.pipeline.settled import is_settled
from gatekeeper.pipeline.workspace import Workspace
from policies.policy import Policy

log = logging.getLogger("gatekeeper.api")


@dataclass(slots=True)
class _Line:
    """Who waits to change one thing."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    people: int = 0


@dataclass(slots=True)
class Present:
    """What a request has seen of the files that say who may do what: the same from its begin to its end."""

    service: "Service | None" = None
    since: float = field(default_factory=time.monotonic)
    workspace: Workspace | None = None
    policy: Policy | None = None


PRESENT: Final[ContextVar[Present | None]] = ContextVar("present", default=None)
"""Set for each request; a long one looks again after a moment."""
_LASTS: Final = 1.0
"""Seconds."""


class Service:
    """One installation behind one interface."""

    def __init__(self, workspace: Workspace, settings: ServiceSettings, runner: Runner) -> None:
        self._opened = workspace
        self.settings = settings
        self.runner = runner
        self.rates = Rates(settings)
        self.sessions = Sessions(workspace.store, lasts=settings.session_lasts, idle=settings.session_idle)
        self.board = Board()
        self.executor: Executor = TOGETHER if workspace.store.is_elsewhere else IN_TURN
        """Whose threads work on requests."""
        self.listening = 0
        """How many follow evaluations; changed on the event loop alone."""
        self._uploading: set[str] = set()
        self._lines: dict[str, _Line] = {}
        self._guard = threading.Lock()
        self._moving = threading.Lock()
        self.claims: Claims = (
            InDatabase(workspace.store, settings.claim_patience)
            if workspace.store.is_elsewhere
            else OnThisMachine(workspace.store, workspace.lock_file.with_name("claims.lock"))
        )
        """Who works on requests under a key."""
        self._between = BetweenProcesses(workspace.lock_file.with_name("changes.lock"))

    @property
    def workspace(self) -> Workspace:
        """The installation with the people and the trust that apply now.

        Raises:
            Problem: its files are wrong.
        """
        now = self._present()
        if now.workspace is None:
            try:
                now.workspace = self.settings.refresh(self._opened)
            except UsageError as error:
                raise Problem("setup", error.message, hint=error.hint) from error
        return now.workspace

    def policy(self) -> Policy:
        """Return the policy that applies now.

        Raises:
            PolicyError: it does not load.
        """
        now = self._present()
        if now.policy is None:
            now.policy = self.settings.policy()
        return now.policy

    def _present(self) -> Present:
        """Return what the present request has seen of this service's files; nothing for whoever is no request."""
        now = PRESENT.get()
        if now is None or now.service is not self or time.monotonic() - now.since > _LASTS:
            now = Present(self)
            if PRESENT.get() is not None:
                PRESENT.set(now)
        return now

    def settled(self) -> Workspace:
        """Return the installation, after what a dead process left under way, or time has ended, is settled.

        Raises:
            RegistryError: the registry cannot be asked.
        """
        workspace = self.workspace
        if self._moving.acquire(blocking=False):  # what goes on here needs no settling
            try:
                if not is_settled(workspace):
                    recover(workspace)
                    end_dead_runs(workspace)
                    lapse(workspace)
            finally:
                self._moving.release()
        return workspace

    @contextmanager
    def uploading(self, holder: str) -> Iterator[None]:
        """Let one upload of a person arrive at a time, and not too many of all.

        Raises:
            Problem: another one is arriving.
        """
        with self._guard:
            if holder in self._uploading or len(self._uploading) >= self.settings.uploads_at_once:
                raise Problem("busy", "Another upload is arriving.", hint="Send one after the other.")
            self._uploading.add(holder)
        try:
            yield
        finally:
            with self._guard:
                self._uploading.discard(holder)

    @contextmanager
    def moving(self) -> Iterator[None]:
        """Let one caller at a time move an alias, and nobody settle what they are about: others wait their turn."""
        with _held(self._moving):
            yield

    @contextmanager
    def turn(self, subject: str) -> Iterator[None]:
        """Let one caller at a time change one thing, so that nothing moves between an ``If-Match`` and its change.

        That holds within this process and between the processes of this machine. Between machines the pipeline's own
        conditions decide who comes first.
        """
        with self._guard:
            line = self._lines.setdefault(subject, _Line())
            line.people += 1
        try:
            with _held(line.lock), self._between.turn(subject):
                yield
        finally:
            with self._guard:
                line.people -= 1
                if not line.people:
                    self._lines.pop(subject, None)


@contextmanager
def _held(lock: threading.Lock) -> Iterator[None]:
    """Hold a lock; others compute while it has to be waited for."""
    if not lock.acquire(blocking=False):
        with waiting():
            lock.acquire()
    try:
        yield
    finally:
        lock.release()


def service_of(request: Request) -> Service:
    """Return the service that a request came to."""
    found = request.app.state.service
    if not isinstance(found, Service):
        raise RuntimeError("the application was not made by create_app")
    return found
