"""How long and how much a worker lets things go on."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """A worker's limits, all in seconds unless they say otherwise."""

    gate_seconds: float = 6 * 3600.0
    """Longest time one gate may compute."""
    memory_mib: int | None = None
    """Most resident memory of a gate's whole process group, in MiB; ``None``: what the machine has."""
    grace_seconds: float = 3.0
    """Between asking a process group to end and ending it."""
    beat_seconds: float = 5.0
    """How often a worker shows that it lives."""
    lease_seconds: float = 30.0
    """Without a beat for so long, a worker counts as dead."""
    poll_seconds: float = 1.0
    """How often a worker looks for runs, for their cancellation and for dead workers."""
    per_device: int = 1
    """Most runs at a time on one device."""
    most_attempts: int = 5
    """A run whose workers died so often is given up: it may be what kills them."""
    registry_pauses: tuple[float, ...] = (1.0, 5.0, 30.0, 120.0)
    """Waits between attempts to store a judged update in a registry that does not answer."""
