"""Who agreed: enough distinct people, by their own keys, to exactly these bytes, policy and evidence.

A decision that the service signed over its person's log-in counts as theirs where the trust file says so
(:mod:`audits.passport.log_in`); whoever it is then is told by their subject at the provider.

For each kind of move, what has to be there:

- ``promote``: as many decisions as the policy asks for;
- ``certify`` and ``anchor``: two at least, unless the policy says that one person is enough;
- ``rollback``: one decision about going back, beside the decisions that once let the version through; those may have
  run out since, because they were used in time;
- ``break-glass`` and ``review``: two administrators.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from audits.ledger.events import Event
from audits.passport.binding import instant
from audits.passport.bundle import Approval, envelope_text
from audits.passport.decision import SignedDecision, read_decision
from audits.passport.dsse import key_id, parse_public
from audits.passport.log_in import PAYLOAD_TYPE as BY_LOG_IN
from audits.passport.log_in import read_by_log_in
from audits.passport.record import Entry, only
from audits.passport.statement import Facts
from audits.passport.trust import Trust, TrustedPolicy
from gatekeeper.core.digests import sha256_bytes
from gatekeeper.core.errors import VerificationError

ADMIN: Final = "admin"
"""Role of those who may overrule a verdict."""

_CERTIFIED: Final = "champion"
"""Alias that decisions about a first champion name, also where they set the anchor with it."""

SKEW: Final = timedelta(minutes=1)
"""How far the clocks of provider and service may be apart."""

_ORIGINAL: Final = frozenset({"promote", "certify"})
_DECIDED: Final = {Event.APPROVAL_GIVEN.value, Event.REQUEST_APPROVED.value}


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """One decision that was checked."""

    decision: SignedDecision
    who: str
    """The person's own key, or their subject at a provider."""
    roles: frozenset[str]
    """Those that the trust file lets them decide with, signed as it is."""
    actor: str
    """Pseudonym."""


def require_agreement(
    approvals: Sequence[Approval],
    entries: Mapping[int, Entry],
    *,
    facts: Facts,
    update_digest: str,
    trust: Trust,
    policy: TrustedPolicy,
) -> int:
    """Return how many decisions there are, when they are enough and every one of them counts.

    Raises:
        VerificationError: they are not, or one does not.
    """
    kind = facts.binding.kind
    intent = only(entries, Event.PROMOTION_INTENDED)
    submitter = only(entries, Event.UPDATE_SUBMITTED).actor
    verdict = only(entries, Event.VERDICT_DECIDED)
    given = []
    for approval in approvals:
        entry = entries.get(approval.leaf)
        if entry is None or not verdict.seq < entry.seq < intent.seq:
            raise VerificationError("A decision is not in the ledger between verdict and intent.")
        given.append(
            _read(approval, entry, facts=facts, update_digest=update_digest, policy_digest=policy.digest, trust=trust)
        )
    for each in given:
        _require_entitled(each, facts, policy, intent)
        if each.actor == submitter:
            raise VerificationError("Whoever proposed the update decided about it as well.")
    own = [each for each in given if each.decision.action == kind]
    former = [each for each in given if each.decision.action != kind]
    needed = _needed(kind, policy)
    _require_distinct(own, needed)
    if kind == "rollback":
        _require_distinct(former, policy.needed(two_person=False))
    return len(given)


def _needed(kind: str, policy: TrustedPolicy) -> int:
    if kind in {"break-glass", "review"}:
        return 2
    return 1 if kind == "rollback" else policy.needed(two_person=kind in {"certify", "anchor"})


def _read(
    approval: Approval, entry: Entry, *, facts: Facts, update_digest: str, policy_digest: str, trust: Trust
) -> Given:
    text = envelope_text(approval.envelope)
    decision, key, who, roles = _signer(text, approval.envelope, entry, trust)
    about = (decision.update, decision.run, decision.update_digest, decision.policy_digest, decision.evidence_digest)
    if about != (facts.update, facts.run, update_digest, policy_digest, facts.evidence_digest):
        raise VerificationError("A decision is about another update, policy or evidence.")
    if decision.decision != "approve":
        raise VerificationError("A decision is no consent.")
    logged = (entry.data.get("key"), entry.data.get("envelope_digest"))
    if entry.type not in _DECIDED or entry.subject != facts.update:
        raise VerificationError(f"Leaf {entry.seq} records no consent to this update.")
    if logged != (key_id(parse_public(key)), sha256_bytes(text.encode())):
        raise VerificationError(f"Leaf {entry.seq} records another decision than the one that is shown.")
    if not entry.actor.startswith("person:"):
        raise VerificationError("A decision was not recorded as a person's.")
    if entry.type == Event.REQUEST_APPROVED and (
        entry.data["request"] != decision.request
        or entry.data["action"] != decision.action
        or entry.data["decision"] != decision.decision
    ):
        raise VerificationError(f"Leaf {entry.seq} records a decision about something else.")
    return Given(decision=decision, who=who, roles=roles, actor=entry.actor)


def _signer(
    text: str, envelope: Mapping[str, object], entry: Entry, trust: Trust
) -> tuple[SignedDecision, str, str, frozenset[str]]:
    """Return a decision, the key that signed it, whose it is, and with which roles they decide.

    Raises:
        VerificationError: nobody whom the trust file names signed it, or not in a way that it lets count.
    """
    if envelope.get("payloadType") != BY_LOG_IN:
        decision, key = read_decision(text, [approver.key for approver in trust.approvers])
        approver = trust.approver(key)
        return decision, key, key, frozenset(approver.roles if approver is not None else ())
    read, key = read_by_log_in(text, [service.key for service in trust.log_ins])
    log_in = read.log_in
    service, person = trust.log_in(key, log_in.issuer), trust.subject(log_in.subject)
    if service is None or person is None:
        raise VerificationError(
            "A decision rests on a log-in that is not trusted here.",
            hint="The trust file names provider and subjects; compare it.",
        )
    since = instant(entry.ts) - instant(log_in.auth_time)
    if not -SKEW <= since <= timedelta(minutes=service.minutes):
        raise VerificationError("A decision rests on a log-in that was too long before it, or after.")
    return read.decision, key, log_in.subject, frozenset(service.roles) & frozenset(person.roles)


def _require_entitled(given: Given, facts: Facts, policy: TrustedPolicy, intent: Entry) -> None:
    binding, decision = facts.binding, given.decision
    kind = binding.kind
    original = kind == "rollback" and decision.action in _ORIGINAL
    if decision.action != kind and not original:
        raise VerificationError(f"A decision is about {decision.action[:20]!r}, and this is {kind!r}.")
    alias = _CERTIFIED if decision.action == "certify" else binding.alias
    if decision.model != binding.model or decision.alias != alias:
        raise VerificationError("A decision is about another model or alias.")
    if not original and decision.request != intent.data["request"]:
        raise VerificationError("A decision is about another request.")
    if original and decision.request is not None:
        raise VerificationError("A former decision is about a request.")
    if not original and instant(decision.expires) <= instant(binding.valid_from):
        raise VerificationError("A decision had run out before the passport was issued.")
    allowed = {ADMIN} if binding.break_glass else set(policy.roles)
    if decision.request is not None:
        allowed |= {ADMIN}
    if not given.roles & allowed:
        raise VerificationError("A decision is by somebody without the role that it takes.")


def _require_distinct(given: Sequence[Given], needed: int) -> None:
    people = min(len({each.who for each in given}), len({each.actor for each in given}))
    if people < len(given):
        raise VerificationError("One person's decision is counted twice.")
    if people < max(1, needed):
        raise VerificationError(f"{people} of the {max(1, needed)} people who are needed agreed.")
