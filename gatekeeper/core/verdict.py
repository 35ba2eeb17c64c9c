"""What a policy decides about an update."""

from dataclasses import dataclass
from enum import IntEnum

from gatekeeper.core.digests import Digest


class Outcome(IntEnum):
    """Strictness grows upward: the strictest vote wins."""

    ADMIT = 0
    REVIEW = 1
    BLOCK = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """Why one rule voted as it did."""

    gate: str
    code: str
    """``<gate>/<rule>``, stable."""
    outcome: Outcome
    text: str
    """One sentence with the numbers in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Waived:
    """One finding that people accepted, as a verdict counted it."""

    gate: str
    code: str
    """Of the reason, ``<gate>/<limit>``."""
    finding: Digest
    """Identity of what was found."""
    ids: tuple[str, ...]
    """Waivers it rests on, sorted; one person's each."""
    expires: str
    """RFC 3339 in UTC, with ``Z``: until when the first of them counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The decision, bound to the exact policy, evidence and bytes it was made from."""

    outcome: Outcome
    errored: bool
    """True when a required gate could not be evaluated: the update is ERRORED, never admitted."""
    reasons: tuple[Reason, ...]
    """Every rule's vote, strictest first; an ADMIT keeps its reasons too."""
    not_run: tuple[str, ...]
    """Gates left out because the update was already blocked."""
    policy_digest: Digest
    evidence_digest: Digest
    update_digest: Digest
    waived: tuple[Waived, ...] = ()
    """Findings that people accepted and that counted; part of the evidence."""
