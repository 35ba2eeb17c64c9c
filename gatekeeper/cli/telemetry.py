"""What long-running commands share: figures on a port of their own, traces, and lines on standard error."""

import importlib.metadata
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from prometheus_client import CollectorRegistry

from gatekeeper.cli.settings import Settings
from gatekeeper.core.errors import UsageError
from gatekeeper.core.spans import watched_by
from gatekeeper.runtime.log import Form
from gatekeeper.runtime.metrics import ProcessMetrics, scraped
from gatekeeper.runtime.tracing import traced

MetricsAt = Annotated[
    str | None, typer.Option("--metrics", help="HOST:PORT to answer Prometheus at; port 0 takes a free one.")
]
Log = Annotated[Form | None, typer.Option("--log", help="One line for each request: json or text.")]


@contextmanager
def told(
    settings: Settings, metrics: ProcessMetrics, *, service: str, at: str | None, registry: CollectorRegistry
) -> Iterator[str | None]:
    """Let this process be watched while the block runs; give the address of its figures, where they have one.

    Args:
        settings: of the project.
        metrics: counts what it does.
        service: what it is called in traces.
        at: ``HOST:PORT`` of the figures; ``None`` for no port of their own.
        registry: what is shown there.

    Raises:
        UsageError: the port is taken, or the collector's address is none.
    """
    host, port = address_of(at) if at is not None else ("", None)
    version = importlib.metadata.version("gatekeeper")
    with (
        watched_by(metrics),
        traced(settings.traces, service=service, version=version),
        scraped(registry, port, host) as bound,
    ):
        yield None if bound is None else f"http://{f'[{host}]' if ':' in host else host}:{bound}/metrics"


def address_of(text: str) -> tuple[str, int]:
    """Return host and port of ``HOST:PORT``, ``[IPV6]:PORT`` or ``:PORT``, which is this machine alone.

    Raises:
        UsageError: it is none of them.
    """
    host, colon, port = text.rpartition(":")
    if (
        not colon
        or not port.isdecimal()
        or not port.isascii()
        or int(port) > 65535
        or host.count("[") != host.count("]")
    ):
        raise UsageError(f"--metrics {text} is no address.", hint="Write HOST:PORT, such as 127.0.0.1:9109.")
    return host.removeprefix("[").removesuffix("]") or "127.0.0.1", int(port)
