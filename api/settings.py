"""What a service is told once, where it is started."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from api.federation.provider import Provider
from api.federation.workloads import Workloads
from api.webhooks.settings import Incoming, Outgoing
from gatekeeper.core.digests import Digest
from gatekeeper.pipeline.uploads.depot import Depot
from gatekeeper.pipeline.workspace import Workspace
from policies.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class LoneUser:
    """The one person who uses a service on their own machine, by a token that is written down nowhere."""

    person: str
    digest: Digest
    """SHA-256 of the token's text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogInPolicy:
    """What a log-in at the provider is good for."""

    approves: frozenset[str] = frozenset()
    """Roles whose decisions the service may sign over a log-in; empty: every decision takes its person's own key."""
    minutes: float = 15
    """How old a log-in may be when its person decides."""
    always: bool = False
    """Whether a decision that comes with its person's own signature takes a recent log-in too."""


def unchanged(workspace: Workspace) -> Workspace:
    """Return the workspace as it is."""
    return workspace


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """How a service behaves."""

    policy: Callable[[], Policy]
    """Gives the policy that applies now."""
    refresh: Callable[[Workspace], Workspace] = unchanged
    """Gives the workspace with the people and the trust that apply now; asked before every request."""
    lone: LoneUser | None = None
    """``None`` where tokens are made with ``gatekeeper token create``."""
    log_in: LogInPolicy | None = None
    """``None`` where nobody logs in."""
    provider: Provider | None = None
    """Where people log in."""
    workloads: Workloads | None = None
    """Which programs count that come with a token of their platform."""
    session_lasts: timedelta = timedelta(hours=8)
    session_idle: timedelta = timedelta(hours=1)
    """How long a session lasts at most, and without being used."""
    open_metrics: bool = True
    """Whether ``/metrics`` answers here; where it does not, figures have a port of their own."""
    incoming: Path | None = None
    """Folder below which proposers leave files that they may name; ``None``: only registered versions."""
    scans: Path | None = None
    """Folder below which scans lie whose rows can be released; ``None``: none can."""
    depot: Depot | None = None
    """Where uploads lie; ``None``: none are taken."""
    upload_seconds: float = 1800.0
    """Longest time that one upload may take to arrive."""
    uploads_at_once: int = 4
    """How many may arrive at a time; one of each person."""
    reads_per_minute: int = 600
    """By token."""
    writes_per_minute: int = 120
    """By token."""
    failures_per_minute: int = 20
    """Calls without a token that counts, by address."""
    answers_kept: timedelta = timedelta(hours=24)
    """How long the answer under an ``Idempotency-Key`` is repeated."""
    claim_patience: timedelta = timedelta(hours=1)
    """After so long without an answer, whoever worked under a key counts as dead."""
    most_bytes: int = 1 << 20
    """Longest body of a request."""
    most_waiting: int = 4
    """How many evaluations may wait for the one that is going on."""
    outgoing: Outgoing | None = None
    """How events are sent to others; ``None``: they are not."""
    registry: Incoming | None = None
    """How the registry's webhooks are taken; ``None``: they are not."""
