"""What one process tells Prometheus of itself, in a registry of its own.

Gates, calls of the registry and a worker's runs are counted from spans (:mod:`gatekeeper.core.spans`); requests by the
service. Label values that are not in a closed set become one word.
"""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server, values
from prometheus_client.metrics_core import Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector

from gatekeeper.core.errors import UsageError
from gatekeeper.core.findings import Status
from gatekeeper.core.spans import Fact
from gatekeeper.runtime.measures import BY_NAME, ELSE, Kind, Measure

QUICK: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
"""Bounds for what answers, in seconds."""
_LONG: Final = (0.01, 0.1, 1, 5, 15, 60, 300, 900, 3600, 4 * 3600)
"""Bounds for gates, in seconds."""


class ProcessMetrics:
    """The figures of one process; implements :class:`~gatekeeper.core.spans.Watcher` for what it counts of spans."""

    def __init__(self, *, gates: Collection[str], version: str, clock: Callable[[], float] = time.time) -> None:
        self.registry = CollectorRegistry()
        self._gates, self._clock = frozenset(gates), clock
        self._statuses = frozenset(each.value for each in Status)
        self.gate_duration = histogram(self.registry, BY_NAME["gate_duration_seconds"], _LONG)
        self.registry_calls = counter(self.registry, BY_NAME["registry_calls_total"])
        self.registry_duration = histogram(self.registry, BY_NAME["registry_call_duration_seconds"], QUICK)
        gauge(self.registry, BY_NAME["build_info"]).labels(version).set(1)
        if not several():
            ProcessCollector(registry=self.registry)

    def begun(
        self, name: str, facts: Mapping[str, Fact], *, parent: str | None, links: Sequence[str]
    ) -> "_Timed | None":
        """Follow gates and calls of the registry."""
        del parent, links
        begin = {"gate": self._gate, "registry": self._registry}.get(name)
        return None if begin is None else _Timed(facts, begin)

    def here(self) -> str | None:
        """Return ``None``: figures have no place in a trace."""
        return None

    def _gate(self, facts: Mapping[str, Fact], seconds: float, error: BaseException | None) -> None:
        del error
        gate = among(self._gates, facts.get("gate"))
        self.gate_duration.labels(gate, among(self._statuses, facts.get("status"))).observe(seconds)

    def _registry(self, facts: Mapping[str, Fact], seconds: float, error: BaseException | None) -> None:
        call = str(facts.get("call", ELSE))  # a method's name: closed
        ended = "ok" if error is None else "conflict" if type(error).__name__ == "PromotionConflict" else "error"
        self.registry_calls.labels(call, ended).inc()
        self.registry_duration.labels(call).observe(seconds)


class WorkerMetrics(ProcessMetrics):
    """The figures of a worker."""

    def __init__(self, *, gates: Collection[str], version: str, clock: Callable[[], float] = time.time) -> None:
        super().__init__(gates=gates, version=version, clock=clock)
        self._taken = counter(self.registry, BY_NAME["worker_runs_taken_total"])
        self._ended = counter(self.registry, BY_NAME["worker_runs_ended_total"])
        self._busy = gauge(self.registry, BY_NAME["worker_busy"])
        self._beats = counter(self.registry, BY_NAME["worker_beats_total"])
        self._beat = gauge(self.registry, BY_NAME["worker_last_beat_timestamp_seconds"])
        for how in ("new", "taken-over"):
            self._taken.labels(how)
        for how in ("done", "failed", "cancelled", "lost"):
            self._ended.labels(how)

    def begun(
        self, name: str, facts: Mapping[str, Fact], *, parent: str | None, links: Sequence[str]
    ) -> "_Timed | None":
        """Follow runs and beats, too."""
        if name == "run":
            self._taken.labels("new" if facts.get("attempt") == 1 else "taken-over").inc()
            self._busy.set(1)
            return _Timed(facts, self._run)
        if name == "worker.beat":
            return _Timed(facts, self._beaten)
        return super().begun(name, facts, parent=parent, links=links)

    def _run(self, facts: Mapping[str, Fact], seconds: float, error: BaseException | None) -> None:
        del seconds, error
        self._busy.set(0)
        self._ended.labels(among(("done", "failed", "cancelled"), facts.get("ended"), "lost")).inc()

    def _beaten(self, facts: Mapping[str, Fact], seconds: float, error: BaseException | None) -> None:
        del facts, seconds
        if error is None:
            self._beats.inc()
            self._beat.set(self._clock())


class _Timed:
    """A span whose end is told with what was said of it and how long it took."""

    __slots__ = ("_began", "_end", "_facts")

    def __init__(
        self, facts: Mapping[str, Fact], end: Callable[[Mapping[str, Fact], float, BaseException | None], None]
    ) -> None:
        self._facts, self._end, self._began = facts, end, time.perf_counter()

    def told(self, facts: Mapping[str, Fact]) -> None:
        """Remember more."""
        self._facts = {**self._facts, **facts}

    def ended(self, error: BaseException | None) -> None:
        """Tell."""
        self._end(self._facts, time.perf_counter() - self._began, error)


def several() -> bool:
    """Return whether processes that answer at one port put their figures together.

    They do where ``PROMETHEUS_MULTIPROC_DIR`` names a folder, empty when they start, in the environment of each.
    """
    return bool(getattr(values.ValueClass, "_multiprocess", False))


class Together(Collector):
    """Shows a registry's figures, summed over every process where there are several."""

    def __init__(self, own: CollectorRegistry) -> None:
        self._own = own

    def describe(self) -> list[Metric]:
        """Return nothing, so that nothing is collected when this is registered."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield them."""
        if several():
            everybody: Collector = MultiProcessCollector(CollectorRegistry())  # type: ignore[no-untyped-call]  # theirs
            yield from everybody.collect()
        else:
            yield from self._own.collect()


def among(closed: Collection[str], word: object, otherwise: str = ELSE) -> str:
    """Return a word of a closed set; another word for any that is not in it."""
    return word if isinstance(word, str) and word in closed else otherwise


def counter(registry: CollectorRegistry, measure: Measure) -> Counter:
    """Return a counter as the table describes it."""
    return Counter(*_described(measure, Kind.COUNTER), registry=registry)


def gauge(registry: CollectorRegistry, measure: Measure) -> Gauge:
    """Return a gauge as the table describes it; over several processes it is the sum of those that live."""
    return Gauge(*_described(measure, Kind.GAUGE), registry=registry, multiprocess_mode="livesum")


def histogram(registry: CollectorRegistry, measure: Measure, bounds: Sequence[float]) -> Histogram:
    """Return a histogram as the table describes it."""
    return Histogram(*_described(measure, Kind.HISTOGRAM), buckets=bounds, registry=registry)


def _described(measure: Measure, kind: Kind) -> tuple[str, str, tuple[str, ...]]:
    if measure.kind is not kind:
        raise RuntimeError(f"{measure.name} is a {measure.kind}")
    return measure.name, measure.about, measure.labels


@contextmanager
def scraped(registry: Any, port: int | None, address: str) -> Iterator[int | None]:
    """Answer ``/metrics`` on a port of its own while the block runs; nothing without a port. Gives the bound port.

    Raises:
        UsageError: the port is taken.
    """
    if port is None:
        yield None
        return
    try:
        server, thread = start_http_server(port, address, registry=registry)
    except OSError as error:
        raise UsageError(
            f"Metrics cannot be served at {address}:{port}: {error.strerror}.", hint="Choose another port."
        ) from error
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
