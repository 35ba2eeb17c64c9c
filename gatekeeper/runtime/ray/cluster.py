"""The connection to a Ray cluster: connect, count what it has, close. Ray reports nothing home."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import gatekeeper
import regression

NAMESPACE = "gatekeeper"


def quiet(environment: dict[str, str]) -> dict[str, str]:
    """Return an environment in which Ray collects no usage statistics, without what Ray's processes need not know."""
    kept = {name: value for name, value in environment.items() if not name.startswith(("GATEKEEPER_", "MLFLOW_"))}
    return kept | {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DISABLE_IMPORT_WARNING": "1"}


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """Give the ``ray`` module, connected to a cluster that is there; none is started.

    For a process of its own: its working folder becomes ``/``, since Ray lets every node import from the one that it
    is called in.
    """
    os.environ.update({"RAY_USAGE_STATS_ENABLED": "0"})
    import ray

    os.chdir("/")
    ray.init(
        address=address,
        namespace=NAMESPACE,
        log_to_driver=False,
        configure_logging=False,
        include_dashboard=False,
    )
    try:
        yield ray
    finally:
        with suppress(Exception):
            ray.shutdown()


def room(ray: Any, cpus: int) -> tuple[int, bool]:
    """Return how many evaluators the living nodes hold, and whether each has a GPU."""
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    gpus = sum(int(node.get("GPU", 0)) for node in nodes)
    if gpus:
        return gpus, True
    return sum(int(node.get("CPU", 0)) // cpus for node in nodes), False


def code_digest() -> str:
    """Return SHA-256 over the source of everything that computes and sends shards."""
    files = [
        *sorted(Path(regression.__file__).parent.glob("*.py")),
        *sorted((Path(gatekeeper.__file__).parent / "runtime" / "ray").glob("*.py")),
    ]
    listed = "".join(f"{file.name} {hashlib.sha256(file.read_bytes()).hexdigest()}\n" for file in files)
    return hashlib.sha256(listed.encode()).hexdigest()
