"""The design's seven invariants by number, what is raised when one does not hold, and what a test went through."""

from collections import Counter

INVARIANTS = {
    0: "states and history are in order",
    1: "an approval binds digests",
    2: "approvers are distinct people who played no other part",
    3: "what is live has everything in the ledger",
    4: "one promotion of an alias at a time",
    5: "expiry and policy are checked in the promotion",
    6: "what was not measured is no pass",
    7: "an unreviewed break of the glass ends by itself",
}

_UNTIL_PROMOTION = "SUBMITTED EVALUATING BLOCKED ERRORED PENDING_APPROVAL APPROVED STALE CHANGES_REQUESTED BREAK_GLASS"
ALLOWED = {
    *((state, "WITHDRAWN") for state in (*_UNTIL_PROMOTION.split(), "PROMOTION_FAILED")),
    *((state, "EVALUATING") for state in ("SUBMITTED", "ERRORED", "STALE")),
    *(("EVALUATING", state) for state in ("BLOCKED", "ERRORED", "PENDING_APPROVAL")),
    *(("PENDING_APPROVAL", state) for state in ("APPROVED", "REJECTED", "EXPIRED", "STALE", "CHANGES_REQUESTED")),
    *(("APPROVED", state) for state in ("PROMOTING", "REJECTED", "STALE", "EXPIRED")),
    *(("PROMOTING", state) for state in ("ACTIVE", "PROMOTION_FAILED", "SUPERSEDED")),
    *(("PROMOTION_FAILED", state) for state in ("PROMOTING", "STALE", "BLOCKED")),
    *(("ACTIVE", state) for state in ("SUPERSEDED", "REVOKED", "ROLLED_BACK")),
    *(("SUPERSEDED", state) for state in ("PROMOTING", "REVOKED")),
    ("ROLLED_BACK", "REVOKED"),
    ("BLOCKED", "BREAK_GLASS"),
    ("BREAK_GLASS", "PROMOTING"),
    ("BREAK_GLASS", "BLOCKED"),
}
"""Moves of an update as the design draws them."""

EXCEPTIONAL = {"break-glass", "review"}


class Broken(AssertionError):
    """An invariant does not hold."""

    def __init__(self, number, text):
        super().__init__(f"invariant {number}, {INVARIANTS[number]}: {text}")
        self.number = number


def require(number, truth, text):
    """Go on when something is true."""
    if not truth:
        raise Broken(number, text)


class Tally:
    """What a whole test went through."""

    def __init__(self):
        self.examples = 0
        self.transitions = 0
        self.moves = Counter()
        self.rules = Counter()
