"""How a worker uses a Ray cluster."""

import json
import re
import socket
from dataclasses import asdict, dataclass

from gatekeeper.core.errors import UsageError

_ADDRESS = re.compile(r"auto|[A-Za-z0-9._\-]+:\d{1,5}|\[[0-9a-fA-F:.]+\]:\d{1,5}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RayOptions:
    """Address and limits; law: ``RayOptions.from_text(o.to_text()) == o``."""

    address: str
    """``auto`` for the cluster of this machine, or ``HOST:PORT`` of the head."""
    cpus: int = 1
    """CPUs, and threads, of one evaluator where the cluster has no GPU; with GPUs each evaluator has one of them."""
    wait_seconds: float = 600.0
    """How long a gate waits for an evaluator when there is none."""
    idle_seconds: float = 600.0
    """An evaluator that was not asked for so long ends, and its GPU is free again."""
    tries: int = 3
    """How often a shard is begun before whatever it does to its evaluators counts against the gate."""

    def __post_init__(self) -> None:
        """Refuse what cannot work.

        Raises:
            UsageError: the address is none, or of Ray's client.
        """
        if self.address.startswith("ray://"):
            raise UsageError(
                "A worker joins the cluster itself; Ray's client (ray://) is not used.",
                hint="Run the worker on a node of the cluster and give --ray auto, or HOST:PORT of the head.",
            )
        if not _ADDRESS.fullmatch(self.address):
            raise UsageError(f"{self.address!r} is no address of a Ray cluster.", hint="Give auto or HOST:PORT.")

    @property
    def device(self) -> str:
        """What a worker of this cluster says it computes on: the cluster, so that its workers take turns."""
        return f"ray/{socket.gethostname() if self.address == 'auto' else self.address}"

    def to_text(self) -> str:
        """Return the options as JSON."""
        return json.dumps(asdict(self))

    @classmethod
    def from_text(cls, text: str) -> "RayOptions":
        """Read them."""
        return cls(**json.loads(text))
