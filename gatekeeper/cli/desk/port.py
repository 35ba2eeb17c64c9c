"""What people ask for after a verdict, wherever it is carried out. The same values come back from both sides."""

from dataclasses import dataclass
from typing import Protocol

from gatekeeper.cli.reconcile_report import Rounds
from gatekeeper.core.states import State
from gatekeeper.pipeline.approve import Decided
from gatekeeper.pipeline.break_glass import Asked
from gatekeeper.pipeline.lineage import DriftPoint
from gatekeeper.pipeline.moves import Promoted
from gatekeeper.pipeline.revoke import Revoked
from gatekeeper.pipeline.waivers.give import Accepted
from gatekeeper.store.tables import Decision

REQUEST = "req-"
"""What ids of requests begin with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overview:
    """Where the updates of a project stand."""

    updates: tuple[dict[str, object], ...]
    """Newest first; each with id, name, model, state, outcome, version, proposed and unreviewed_until."""
    requests: tuple[dict[str, object], ...]
    """What people are asked about, or agreed to and nobody has carried out."""
    aliases: dict[str, dict[str, str | None]]
    """Version of every protected alias, by model."""
    drifts: tuple[dict[str, object], ...]
    """What moved behind the gate's back, each with a ``text``; empty where the other side does not tell."""
    rounds: Rounds | None
    """When the reconciler last looked; ``None`` where nobody tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptance:
    """One reason of a verdict that the policy lets people accept."""

    code: str
    text: str
    finding: str
    """Identity of what was found."""
    roles: tuple[str, ...]
    """A person needs one of these."""
    required: int
    days: float
    """For how long at most."""


class Desk(Protocol):
    """Carries out what people ask for.

    Every method raises a :class:`~gatekeeper.core.errors.GatekeeperError` where it is refused.
    """

    def decide(self, about: str, decision: Decision, *, person: str | None, comment: str) -> Decided:
        """Record a signed decision about an update, or about a request (``req-…``)."""
        ...

    def send_back(self, update: str, *, person: str | None, comment: str) -> Decided:
        """Send an update back to its proposer, signed."""
        ...

    def accept(self, update: str, code: str, *, person: str | None, because: str, days: float | None) -> Accepted:
        """Accept one finding until a date, signed."""
        ...

    def acceptable(self, update: str) -> tuple[Acceptance, ...]:
        """Return what of a verdict people may accept."""
        ...

    def withdraw(self, update: str, *, person: str | None) -> State:
        """Take a proposal back."""
        ...

    def promote(self, update: str) -> tuple[Promoted, State]:
        """Carry out what people agreed to; return what production points to, and the update's state."""
        ...

    def ask_anchor(self, update: str, *, person: str | None, reason: str) -> Asked:
        """Ask to make an update the anchor."""
        ...

    def ask_glass(self, update: str, *, person: str | None, incident: str, justification: str, hours: float) -> Asked:
        """Ask to put a blocked update live for some hours."""
        ...

    def ask_review(self, update: str, *, person: str | None, justification: str) -> Asked:
        """Ask to keep what is live over its verdict."""
        ...

    def rollback(self, model: str, *, person: str | None, reason: str) -> Promoted:
        """Point the champion back to the version before."""
        ...

    def revoke(self, update: str, *, person: str | None, reason: str) -> tuple[Revoked, str]:
        """Put an update's bytes on the revocation list; return what came of it, and where the list is."""
        ...

    def overview(self, *, model: str | None, limit: int) -> Overview:
        """Return where the newest updates stand."""
        ...

    def drift(self, model: str) -> tuple[DriftPoint, ...]:
        """Return every champion's score against the anchor."""
        ...
