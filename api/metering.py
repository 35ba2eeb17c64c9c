"""The service's own figures, and those of the installation, as one text for Prometheus.

The text at the service's own address names nothing, not even models. :meth:`ServiceMetrics.by_model` is for a port
that only the operator reaches.
"""

import importlib.metadata
import threading
import time
from collections.abc import Callable
from typing import Final

from prometheus_client import CollectorRegistry, generate_latest

from api.dashboard.answering import routes
from api.permissions import TABLE
from api.problems import KINDS
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.runtime.exposition import Installation
from gatekeeper.runtime.measures import BY_NAME, ELSE
from gatekeeper.runtime.metrics import QUICK, ProcessMetrics, Together, among, counter, gauge, histogram
from gatekeeper.runtime.readings import Readings

KEPT_SECONDS: Final = 1.0
"""How long one text answers every caller: whoever asks often costs little."""
METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
NO_ROUTE: Final = "none"
"""Value of ``route`` where a request came to none."""
_PATHS: Final = frozenset(path for _method, path in TABLE) | {route.path for route in routes()}


class ServiceMetrics(ProcessMetrics):
    """The figures that a service shows."""

    def __init__(self, workspace: Workspace, clock: Callable[[], float] = time.monotonic) -> None:
        gates = frozenset(workspace.catalogue)
        super().__init__(gates=gates, version=importlib.metadata.version("gatekeeper"))
        self._requests = counter(self.registry, BY_NAME["http_requests_total"])
        self._duration = histogram(self.registry, BY_NAME["http_request_duration_seconds"], QUICK)
        self._problems = counter(self.registry, BY_NAME["http_problems_total"])
        self.in_flight = gauge(self.registry, BY_NAME["http_requests_in_flight"])
        self.readings = Readings(workspace.store)
        self._whole = _joined(self.registry, Installation(self.readings, gates=gates, by_model=False))
        self.by_model = _joined(self.registry, Installation(self.readings, gates=gates, by_model=True))
        self._clock, self._lock = clock, threading.Lock()
        self._text, self._until = b"", -1.0

    def answered(self, method: str, path: str | None, status: int, seconds: float) -> None:
        """Count one answer."""
        route = among(_PATHS, path, NO_ROUTE)
        known = among(METHODS, method)
        self._requests.labels(known, route, str(status)).inc()
        self._duration.labels(known, route).observe(seconds)

    def refused(self, code: str) -> None:
        """Count one problem."""
        self._problems.labels(among(KINDS, code, ELSE)).inc()

    def text(self) -> bytes:
        """Return every figure but those by model, in the text format 0.0.4; the same for a moment.

        While one caller waits for a slow database, the others are given the last text: anybody may ask here, and
        nobody may keep the service's threads by asking.
        """
        if not self._lock.acquire(blocking=not self._text):
            return self._text
        try:
            if self._clock() >= self._until:
                self._text = generate_latest(self._whole)
                self._until = self._clock() + KEPT_SECONDS
            return self._text
        finally:
            self._lock.release()


def _joined(own: CollectorRegistry, installation: Installation) -> CollectorRegistry:
    registry = CollectorRegistry()
    registry.register(Together(own))
    registry.register(installation)
    return registry
