"""What a service does now and then beside answering: remind people, and remove uploads and answers that are too old.

Every process of an installation does it; what one of them did within the interval the others leave alone.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from api.service import Service, log
from gatekeeper.core.errors import GatekeeperError
from gatekeeper.pipeline.remind import Notifier, Patience, remind
from gatekeeper.pipeline.uploads.keep import sweep
from gatekeeper.store import answers


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

    thread = threading.Thread(target=work, name="housekeeping", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(timeout=10)
