"""The life of an update, as a table of allowed moves.

::

    SUBMITTED → EVALUATING → BLOCKED | ERRORED (→ EVALUATING) | PENDING_APPROVAL
    PENDING_APPROVAL → APPROVED | REJECTED | EXPIRED | CHANGES_REQUESTED | STALE (→ EVALUATING)
    APPROVED → PROMOTING → ACTIVE | PROMOTION_FAILED (→ PROMOTING | STALE | BLOCKED | WITHDRAWN);  APPROVED → REJECTED
    ACTIVE → SUPERSEDED | REVOKED | ROLLED_BACK;  SUPERSEDED → PROMOTING (a rollback; back again when it fails)
    SUPERSEDED | ROLLED_BACK → REVOKED
    BLOCKED → BREAK_GLASS → PROMOTING;  BREAK_GLASS → BLOCKED (nobody promoted it in time)
    before PROMOTING also WITHDRAWN
"""

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType

from gatekeeper.core.errors import StateError


class State(StrEnum):
    """Where an update stands."""

    SUBMITTED = "SUBMITTED"
    EVALUATING = "EVALUATING"
    BLOCKED = "BLOCKED"
    ERRORED = "ERRORED"
    PENDING_APPROVAL = "PENDING_APPROVAL"
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    STALE = "STALE"
    CHANGES_REQUESTED = "CHANGES_REQUESTED"
    WITHDRAWN = "WITHDRAWN"
    BREAK_GLASS = "BREAK_GLASS"
    PROMOTING = "PROMOTING"
    PROMOTION_FAILED = "PROMOTION_FAILED"
    ACTIVE = "ACTIVE"
    SUPERSEDED = "SUPERSEDED"
    REVOKED = "REVOKED"
    ROLLED_BACK = "ROLLED_BACK"


MOVES: Mapping[State, frozenset[State]] = MappingProxyType(
    {
        State.SUBMITTED: frozenset({State.EVALUATING, State.WITHDRAWN}),
        State.EVALUATING: frozenset({State.BLOCKED, State.ERRORED, State.PENDING_APPROVAL, State.WITHDRAWN}),
        State.ERRORED: frozenset({State.EVALUATING, State.WITHDRAWN}),
        State.BLOCKED: frozenset({State.BREAK_GLASS, State.WITHDRAWN}),
        State.BREAK_GLASS: frozenset({State.PROMOTING, State.BLOCKED, State.WITHDRAWN}),
        State.PENDING_APPROVAL: frozenset(
            {
                State.APPROVED,
                State.REJECTED,
                State.EXPIRED,
                State.STALE,
                State.CHANGES_REQUESTED,
                State.WITHDRAWN,
            }
        ),
        State.STALE: frozenset({State.EVALUATING, State.WITHDRAWN}),
        State.CHANGES_REQUESTED: frozenset({State.WITHDRAWN}),
        State.APPROVED: frozenset({State.PROMOTING, State.REJECTED, State.STALE, State.EXPIRED, State.WITHDRAWN}),
        State.PROMOTING: frozenset({State.ACTIVE, State.PROMOTION_FAILED, State.SUPERSEDED}),
        State.PROMOTION_FAILED: frozenset({State.PROMOTING, State.STALE, State.BLOCKED, State.WITHDRAWN}),
        State.ACTIVE: frozenset({State.SUPERSEDED, State.REVOKED, State.ROLLED_BACK}),
        State.SUPERSEDED: frozenset({State.PROMOTING, State.REVOKED}),
        State.ROLLED_BACK: frozenset({State.REVOKED}),
        State.REVOKED: frozenset(),
        State.REJECTED: frozenset(),
        State.EXPIRED: frozenset(),
        State.WITHDRAWN: frozenset(),
    }
)
"""Every allowed move; a state that maps to nothing is final."""


def require_move(now: State, then: State) -> None:
    """Return when the move is allowed.

    Raises:
        StateError: it is not.
    """
    if then not in MOVES[now]:
        allowed = ", ".join(sorted(MOVES[now])) or "nothing: it is final"
        raise StateError(f"An update in state {now} cannot become {then}.", hint=f"Allowed next: {allowed}.")
