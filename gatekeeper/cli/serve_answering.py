"""One process of ``gatekeeper serve``: it answers what comes to one socket until it is told to end."""

import gc
import logging
import signal
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from api.app import create_app
from api.housekeeping import housekeeping
from api.metering import ServiceMetrics
from api.runner import QueueRunner
from api.settings import LoneUser, ServiceSettings
from api.webhooks.reminding import WebhookNotifier
from gatekeeper.cli.log_in import federation_of
from gatekeeper.cli.remind import patience_of
from gatekeeper.cli.serve_beside import Beside
from gatekeeper.cli.serve_now import present_people, present_policy
from gatekeeper.cli.settings import Settings
from gatekeeper.cli.telemetry import told
from gatekeeper.pipeline.remind import LogNotifier
from gatekeeper.pipeline.uploads.depot import Depot
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.runtime.log import Form, to_stderr


@dataclass(frozen=True, slots=True, kw_only=True)
class Answering:
    """What every process of a service is told."""

    lone: LoneUser | None
    incoming: Path | None
    scans: Path | None
    log: Form | None
    metrics: str | None
    """Where figures have a port of their own: ``HOST:PORT``."""
    open_metrics: bool
    """Whether ``/metrics`` answers beside everything else."""

    def answer(
        self,
        settings: Settings,
        opened: Workspace,
        listener: socket.socket,
        say: Callable[[str | None], None] | None = None,
    ) -> None:
        """Answer until told to end.

        Args:
            settings: of the project.
            opened: the project.
            listener: where callers come in.
            say: told where figures are, once the process answers.

        Raises:
            UsageError: a setting is wrong.
        """
        if self.log is not None:
            to_stderr(self.log, "gatekeeper", "uvicorn.error")
            logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
        beside = Beside(settings, self.incoming)
        beside.require_people(opened)
        app = create_app(
            opened,
            ServiceSettings(
                policy=present_policy(settings),
                refresh=present_people(settings),
                lone=self.lone,
                incoming=self.incoming,
                depot=None if self.incoming is None else Depot(incoming=self.incoming),
                scans=self.scans,
                outgoing=beside.outgoing,
                registry=beside.registry,
                open_metrics=self.open_metrics,
                **federation_of(settings, opened),
            ),
            runner=QueueRunner() if settings.runtime == "queue" else None,
        )
        config = uvicorn.Config(
            app,
            log_config=uvicorn.config.LOGGING_CONFIG if self.log is None else None,
            log_level="warning",
            access_log=False,
            server_header=False,
            proxy_headers=False,
            lifespan="off",
        )
        seen: ServiceMetrics = app.state.metrics
        figuring = told(settings, seen, service="gatekeeper-service", at=self.metrics, registry=seen.by_model)
        tidy = housekeeping(app.state.service, patience_of(settings), LogNotifier(), WebhookNotifier(opened.store))
        with figuring as figures, beside.running(app.state.service, opened), tidy:
            if say is not None:
                say(figures)
            # uvicorn raises a signal again once it has ended: without a handler the process would end there and
            # then, and what it still had to say with it.
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: None)
            _look_for_garbage_rarely()
            uvicorn.Server(config).run(sockets=[listener])


def _look_for_garbage_rarely() -> None:
    """Leave what was loaded so far out of Python's search for cycles, and search less often than it does by itself.

    A request makes thousands of objects that go by themselves: searching among them took a tenth of the time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
