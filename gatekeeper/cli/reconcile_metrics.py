"""What the reconciler tells Prometheus, in a registry of its own."""

import time
from collections import Counter as Tally
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry, Counter, Gauge

from gatekeeper.pipeline.reconcile import Round
from gatekeeper.runtime.metrics import scraped
from gatekeeper.store.tables import DriftKind


class Metrics:
    """Counts rounds, and holds what the last one saw."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self.registry = CollectorRegistry()
        self._open = Gauge("gatekeeper_open_drifts", "Drifts that last, by kind.", ["kind"], registry=self.registry)
        self._rounds = Counter("gatekeeper_reconcile_rounds", "Rounds made.", registry=self.registry)
        self._failed = Counter(
            "gatekeeper_reconcile_failed_rounds",
            "Rounds in which something could not be asked.",
            registry=self.registry,
        )
        self._hashed = Gauge(
            "gatekeeper_last_full_hash_timestamp_seconds",
            "When the bytes of any watched version were last hashed whole; 0 for never.",
            registry=self.registry,
        )
        self._good = clock()
        Gauge(
            "gatekeeper_reconcile_seconds_since_last_good_round",
            "Seconds since a round could ask everything, or since the start.",
            registry=self.registry,
        ).set_function(lambda: clock() - self._good)
        for kind in DriftKind:
            self._open.labels(kind.value).set(0)

    def ended(self, seen: Round) -> None:
        """Count a round and show what it saw."""
        self._rounds.inc()
        if seen.errors:
            self._failed.inc()
        else:
            self._good = self._clock()
        self.show(seen)

    def show(self, seen: Round) -> None:
        """Show what was seen, without counting it as a round of its own."""
        lasting = Tally(each.drift.kind for each in seen.lasting)
        for kind in DriftKind:
            self._open.labels(kind.value).set(lasting[kind])
        if seen.last_hashed is not None:
            self._hashed.set(seen.last_hashed.timestamp())

    @contextmanager
    def served(self, port: int | None, address: str) -> Iterator[None]:
        """Answer ``/metrics`` while the block runs; nothing is served without a port.

        Raises:
            UsageError: the port is taken.
        """
        with scraped(self.registry, port, address):
            yield
