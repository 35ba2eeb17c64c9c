"""What the reconciler tells Prometheus, in a registry of its own."""

from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server

from gatekeeper.core.errors import UsageError
from gatekeeper.pipeline.reconcile import Round
from gatekeeper.store.tables import DriftKind


class DriftMetrics:
    """Numbers about the rounds so far; label values are a fixed set."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._lasting = Gauge("gatekeeper_drifts", "Drifts that last, by kind.", ["kind"], registry=self.registry)
        self._rounds = Counter(
            "gatekeeper_reconcile_rounds", "Rounds, by how they ended.", ["end"], registry=self.registry
        )
        self._last = Gauge(
            "gatekeeper_reconcile_last_good_timestamp_seconds",
            "When everything could be looked at last, as Unix time.",
            registry=self.registry,
        )
        self._hashed = Counter("gatekeeper_reconcile_hashed_versions", "Versions hashed.", registry=self.registry)
        self._restored = Counter("gatekeeper_reconcile_restored_aliases", "Aliases put back.", registry=self.registry)
        for kind in DriftKind:
            self._lasting.labels(kind.value).set(0)
        for end in ("good", "partial", "failed"):
            self._rounds.labels(end)

    def looked(self, came_to: Round) -> None:
        """Take in a round that could ask the registry."""
        for kind in DriftKind:
            self._lasting.labels(kind.value).set(sum(each.kind is kind for each in came_to.lasting))
        self._hashed.inc(came_to.hashed)
        self._restored.inc(len(came_to.restored))
        self._rounds.labels("partial" if came_to.errors else "good").inc()
        if not came_to.errors:
            self._last.set(came_to.at.timestamp())

    def failed(self) -> None:
        """Take in a round that could not; what lasted before is still shown."""
        self._rounds.labels("failed").inc()

    def serve(self, host: str, port: int) -> int:
        """Serve the numbers until the process ends; return the port.

        Raises:
            UsageError: the port is taken.
        """
        try:
            server, _thread = start_http_server(port, addr=host, registry=self.registry)
        except OSError as error:
            raise UsageError(f"Port {port} cannot be listened at: {error.strerror}.", hint="Name another.") from error
        return int(server.server_address[1])
