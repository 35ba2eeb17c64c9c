"""What the service does beside answering: send events, look for new versions, evaluate them, look at aliases.

Four kinds of threads, each of which does one thing and goes on after whatever went wrong. Nothing is kept in them:
what waits lies in the database, so that another process does it when this one is gone.
"""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

from api.problems import Problem
from api.service import Service, log
from api.webhooks.sender import Sender
from gatekeeper.core.errors import GatekeeperError
from gatekeeper.pipeline.reconcile import reconcile_aliases
from gatekeeper.pipeline.taking.intake import Intake
from gatekeeper.pipeline.taking.look import look
from gatekeeper.store import intakes, updates

SENDERS: Final = 4
"""How many endpoints are sent to at once; each of them gets one delivery at a time."""

_SEND_EVERY: Final = 1.0
_FORGET_EVERY: Final = 3600
_MOST_NAMES: Final = 1000
_LEAVE_WITHIN: Final = 5.0
"""Seconds; what is being sent longer than that is sent again by whoever comes next."""


class Bell:
    """Wakes a thread, and says which models it was rung for."""

    def __init__(self) -> None:
        self._rung = threading.Event()
        self._names: set[str] = set()
        self._guard = threading.Lock()
        self._all = False

    def ring(self, name: str | None = None) -> None:
        """Wake the thread; without a name for everything, as for more names than can be kept."""
        with self._guard:
            if name is None or len(self._names) >= _MOST_NAMES:
                self._all = True
            else:
                self._names.add(name)
            self._rung.set()

    def wait(self, seconds: float) -> frozenset[str] | None:
        """Return the names that it was rung for; ``None`` for everything, also when the time is over."""
        self._rung.wait(seconds)
        with self._guard:
            everything = self._all or not self._names
            names = frozenset(self._names)
            self._names.clear()
            self._all = False
            self._rung.clear()
        return None if everything else names


class Background:
    """The threads of one service."""

    def __init__(
        self,
        service: Service,
        *,
        versions: Bell,
        aliases: Bell,
        sender: Sender | None = None,
        intake: Intake | None = None,
        every: float = 30.0,
    ) -> None:
        """Remember what to do.

        Args:
            service: whose installation it is.
            versions: rung when the registry may have a new version.
            aliases: rung when an alias may have moved.
            sender: sends events; ``None`` where none are sent.
            intake: which versions are taken; ``None`` where none are.
            every: seconds between looks at the registry that no webhook asked for.
        """
        self._service = service
        self._sender = sender
        self._intake = intake
        self._every = every
        self._stop = threading.Event()
        self._versions = versions
        self._aliases = aliases
        self._updates = Bell()

    @contextmanager
    def running(self) -> Iterator[None]:
        """Run the threads for as long as the block lasts; only those that send are waited for, and not for long."""
        threads = []
        if self._sender is not None:
            threads += [threading.Thread(target=self._send, name=f"webhooks-{at}") for at in range(SENDERS)]
        if self._intake is not None:
            threads += [threading.Thread(target=each) for each in (self._look, self._evaluate, self._watch)]
        for thread in threads:
            thread.daemon = True
            thread.start()
        try:
            yield
        finally:
            self._stop.set()
            for bell in (self._versions, self._aliases, self._updates):
                bell.ring()
            deadline = time.monotonic() + _LEAVE_WITHIN
            for thread in threads[: SENDERS if self._sender is not None else 0]:
                thread.join(max(0.0, deadline - time.monotonic()))

    def look_once(self, only: frozenset[str] | None = None) -> None:
        """Take what is new in the registry."""
        intake = self._intake
        if intake is None:
            return
        seen = look(self._service.settled(), intake, self._service.policy(), only=only)
        for taken in seen.taken:
            log.info("version %s of a model in the registry is %s %s", taken.version, taken.state, taken.code or "")
        for error in seen.errors:
            log.warning("the registry's versions: %s", error)

    def evaluate_once(self) -> None:
        """Evaluate what was taken and waits."""
        with self._service.workspace.store.reading() as session:
            waiting = intakes.not_evaluated(session)
        for update_id in waiting:
            if self._stop.is_set():
                return
            try:
                self._evaluate_one(update_id)
            except (GatekeeperError, Problem) as error:
                log.warning("update %s from the registry was not evaluated: %s", update_id, error)

    def watch_once(self) -> None:
        """Compare the aliases with what was promoted, when nobody of this process is moving one."""
        with self._service.moving():
            seen = reconcile_aliases(self._service.workspace, policy=self._service.policy())
        for found in seen.changes.found:
            log.warning("behind the gate's back: %s", found.drift)

    def _evaluate_one(self, update_id: str) -> None:
        service = self._service
        workspace, policy = service.settled(), service.policy()
        with workspace.store.reading() as session:
            model = updates.require(session, update_id).model
        run_id = service.runner.start(workspace, update_id, model, policy, lambda: service.board.open(update_id))
        if service.runner.waits:
            service.runner.wait(run_id)

    def _send(self) -> None:
        sender = self._sender
        if sender is None:
            return
        turns = 0
        while not self._stop.is_set():
            self._trying(sender.send_due)
            if turns % _FORGET_EVERY == 0:
                self._trying(sender.forget)
            turns += 1
            self._stop.wait(_SEND_EVERY)

    def _look(self) -> None:
        only: frozenset[str] | None = None
        while not self._stop.is_set():
            self._trying(partial(self.look_once, only))
            self._updates.ring()
            only = self._versions.wait(self._every)

    def _evaluate(self) -> None:
        while not self._stop.is_set():
            self._updates.wait(self._every)
            if not self._stop.is_set():
                self._trying(self.evaluate_once)

    def _watch(self) -> None:
        while not self._stop.is_set():
            self._aliases.wait(3600.0)
            if not self._stop.is_set():
                self._trying(self.watch_once)

    @staticmethod
    def _trying(act: Callable[[], object]) -> None:
        """Go on, whatever happens: what could not be done waits in the database, and the log says why."""
        try:
            act()
        except (GatekeeperError, Problem) as error:
            log.warning("in the background: %s", error)
        except Exception:  # noqa: BLE001  # the thread goes on, and the log has everything
            log.exception("in the background")
