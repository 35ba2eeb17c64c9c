"""A loaded policy: frozen, complete, and identified by the digest of its normal form.

The normal form holds everything that can change a verdict or the words that explain it, with every parameter filled
in: the same YAML loaded where a default differs is another policy. Formatting, comments and the order of keys are
not part of it; the order of gates and limits is.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

from gatekeeper.core.digests import Digest, Plain, digest_of, plain
from gatekeeper.core.verdict import Outcome

Section: TypeAlias = Literal["gates", "certify"]
"""Which list of a policy applies: comparing with a champion, or making the first one."""

REQUIRED_BEFORE_LOADING = ("artifact/format", "artifact/template")
"""Gates that look at a candidate before anything loads it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sentences:
    """What a limit says, by its vote; templates with numbers in braces."""

    admit: str
    review: str
    block: str

    def of(self, outcome: Outcome) -> str:
        """Return the template for ``outcome``."""
        return {Outcome.ADMIT: self.admit, Outcome.REVIEW: self.review, Outcome.BLOCK: self.block}[outcome]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """One rule with its consequence."""

    id: str
    """Unique within its gate; a reason's code is ``<gate>/<id>``."""
    admit: str
    """CEL: the limit votes ADMIT when this holds and ``block`` does not."""
    block: str | None
    """CEL: the limit votes BLOCK when this holds."""
    otherwise: Outcome
    """Vote when neither holds; never ADMIT."""
    margin: float | None
    """The number called ``margin`` in the rules and the sentences."""
    because: Sentences


@dataclass(frozen=True, slots=True, kw_only=True)
class GateRule:
    """One required gate, how it measures, and what its numbers must satisfy."""

    gate: str
    asks: str
    """The gate's question; not part of the digest."""
    params: object
    """An instance of the gate's parameter dataclass, complete with defaults."""
    unmeasured: Outcome
    """Vote when the gate says it could not measure; never ADMIT."""
    limits: tuple[Limit, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Approvals:
    """Whose agreement an admitted update needs."""

    required: int
    """How many distinct people."""
    roles: tuple[str, ...]
    """A person needs one of these."""
    distinct_from: tuple[str, ...]
    """Parts in the update (``submitter``, ``trainer``, ``author``) an approver must not have played."""
    expires_hours: float
    """How long a request for approval stays open."""
    single_person: bool = False
    """Whether one signature may stand where two are asked for; every report says so."""

    def needed(self, *, two_person: bool) -> int:
        """Return how many distinct people must agree.

        Args:
            two_person: whether it sets a first champion or an anchor, which takes two where it takes one otherwise.
        """
        return self.required if self.single_person or not two_person else max(2, self.required)


@dataclass(frozen=True, slots=True, kw_only=True)
class Waivable:
    """Limits of one gate whose findings people may accept for a time, and which people."""

    gate: str
    limits: tuple[str, ...]
    """Ids; the vote of a gate as a whole is in no list."""
    roles: tuple[str, ...]
    """A person needs one of these."""
    required: int
    """How many distinct people."""
    days: float
    """For how long at most, counted from when a person accepts."""


@dataclass(frozen=True, kw_only=True)  # no slots: the digest of a long policy takes 7 ms, so it is kept
class Policy:
    """Required gates, their limits, and who must approve."""

    name: str
    version: int
    about: str
    stop_early: bool
    """Whether to stop after the family in which a BLOCK became certain."""
    seed: int
    """The only source of randomness of the gates."""
    gates: tuple[GateRule, ...]
    """All required."""
    certify: tuple[GateRule, ...]
    """Required of a first champion, with absolute limits; empty when the policy cannot certify."""
    approvals: Approvals
    drift: Literal["report", "restore"] = "report"
    """What the reconciler does about an alias that was moved behind the gate's back."""
    quarantine_days: float = 7.0
    """How long an update must have been live before its rows count as history for later ones."""
    waivers: tuple[Waivable, ...] = ()
    """What people may accept; empty: nothing."""

    @cached_property
    def digest(self) -> Digest:
        """SHA-256 over RFC 8785 JSON of :func:`normal_form`."""
        return digest_of(normal_form(self))

    def rules(self, section: Section) -> tuple[GateRule, ...]:
        """Return the gates that ``section`` requires."""
        return self.gates if section == "gates" else self.certify

    def rule(self, gate: str, *, section: Section = "gates") -> GateRule | None:
        """Return what ``section`` asks of ``gate``, or ``None`` when it does not name it."""
        return next((rule for rule in self.rules(section) if rule.gate == gate), None)


def normal_form(policy: Policy) -> Plain:
    """Return the policy as JSON types: everything but the gates' own questions.

    Law: two policies with the same normal form give the same verdict on the same reports.
    """
    form = plain(policy)
    if not isinstance(form, dict):
        raise RuntimeError("a policy's normal form is an object")
    if not policy.waivers:
        del form["waivers"]  # the digest of a policy without any is the same as before there were waivers
    for section in ("gates", "certify"):
        rules = form[section]
        if isinstance(rules, list):
            form[section] = [_without_question(rule) for rule in rules]
    return form


def _without_question(rule: Plain) -> Plain:
    return {key: value for key, value in rule.items() if key != "asks"} if isinstance(rule, dict) else rule
