"""The connection to a Ray cluster that is there; none is started. Ray reports nothing home and shows no dashboard."""

import os
from contextlib import suppress
from typing import Any

NAMESPACE = "gatekeeper"


def connect(address: str) -> Any:
    """Return the ``ray`` module, connected.

    Args:
        address: ``auto`` for the cluster of this machine, or ``HOST:PORT`` of its head.
    """
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray
    import ray.data

    ray.init(
        address=address, namespace=NAMESPACE, log_to_driver=False, configure_logging=False, include_dashboard=False
    )
    context = ray.data.DataContext.get_current()
    context.execution_options.preserve_order = True
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    context.max_errored_blocks = 0
    return ray


def close() -> None:
    """Leave the cluster."""
    import ray

    with suppress(Exception):
        ray.shutdown()
