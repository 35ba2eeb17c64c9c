"""What a service does now and then beside answering: remind people, and remove uploads and answers that are too old.

Every process of an installation does it; what one of them did within the interval the others leave alone.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Final

from api.service import Service, log
from gatekeeper.core.errors import GatekeeperError
from gatekeeper.pipeline.remind import Notifier, Patience, remind
from gatekeeper.pipeline.uploads.keep import sweep
from gatekeeper.store import answers

_CARRIED_EVERY: Final = 0.5
"""Seconds between two times that the database's log is carried over to its file, beside the writers."""


def tidy(service: Service, patience: Patience, *notifiers: Notifier) -> None:
    """Do everything once; what goes wrong is logged, and tried again the next time."""
    steps: tuple[Callable[[], object], ...] = (
        lambda: remind(service.workspace, service.policy(), patience, *notifiers),
        lambda: _sweep_answers(service),
        lambda: None if service.settings.depot is None else sweep(service.workspace, service.settings.depot),
    )
    for step in steps:
        try:
            step()
        except GatekeeperError as error:
            log.warning("housekeeping: %s", error)
        except Exception:  # noqa: BLE001  # a fault of one round must not end all later ones
            log.exception("housekeeping failed")


def _sweep_answers(service: Service) -> None:
    with service.workspace.store.transaction() as session:
        answers.sweep(session, now=datetime.now(UTC))


@contextmanager
def housekeeping(service: Service, patience: Patience, *notifiers: Notifier, every: float = 60.0) -> Iterator[None]:
    """Tidy every so many seconds until the block ends."""
    over = threading.Event()

    def work() -> None:
        while not over.wait(every):
            tidy(service, patience, *notifiers)

    def carry_over() -> None:
        while not over.wait(_CARRIED_EVERY):
            try:
                service.workspace.store.carry_over()
            except GatekeeperError as error:
                log.warning("housekeeping: %s", error)

    threads = [threading.Thread(target=work, name="housekeeping", daemon=True)]
    if not service.workspace.store.is_elsewhere:
        threads.append(threading.Thread(target=carry_over, name="carry-over", daemon=True))
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        over.set()
        for thread in threads:
            thread.join(timeout=10)
