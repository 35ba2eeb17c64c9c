"""What signs for an installation, and what its verifiers trust."""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audits.ledger.note import verifier_key
from audits.passport.dsse import public_text
from audits.passport.trust import (
    REVOCATION_HOURS,
    Trust,
    TrustedApprover,
    TrustedLogIn,
    TrustedPolicy,
    TrustedSubject,
)
from gatekeeper.core.errors import StateError
from gatekeeper.pipeline.principal import ANCHOR, CHAMPION, Principal
from policies.policy import Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class Notary:
    """The keys that sign, and the trust they are measured against."""

    trust: Trust
    log: Ed25519PrivateKey = field(repr=False)
    """Signs checkpoints of the ledger."""
    passport: Ed25519PrivateKey = field(repr=False)
    """Signs passports and revocation lists."""
    witnesses: tuple[str, ...]
    """Addresses that are asked to cosign."""
    passports_dir: Path
    """One folder per model, one file per alias and version."""
    revocations_file: Path
    """The newest revocation list."""
    log_in: Ed25519PrivateKey | None = field(default=None, repr=False)
    """Signs people's decisions over their log-ins, and nothing else; ``None`` where nobody decides that way."""

    def require_pinned(self, policy: Policy) -> None:
        """Return when verifiers would accept this policy's verdicts.

        Raises:
            StateError: they would not.
        """
        pinned = self.trust.policy(policy.digest)
        if pinned is None or pinned != trusted_policy(policy):
            raise StateError(
                f"No verifier trusts the policy {policy.name} as it is now: its digest is not in the trust file.",
                hint="Look at what changed, then write it down: gatekeeper trust pin.",
            )

    def require_approver(self, principal: Principal) -> None:
        """Return when verifiers would accept this person's signature.

        Raises:
            StateError: they would not.
        """
        known = self.trust.approver(principal.key) if principal.key is not None else None
        if known is None or set(known.roles) != set(principal.roles):
            raise StateError(
                f"No verifier trusts {principal.name}'s key with these roles: the trust file does not name it.",
                hint="Write it down: gatekeeper trust pin.",
            )


def new_origin() -> str:
    """Return a name for a new installation's log, unlike any other's."""
    return f"gatekeeper.local/{secrets.token_hex(8)}"


def trusted_policy(policy: Policy) -> TrustedPolicy:
    """Return what verifiers have to know of a policy."""
    return TrustedPolicy(
        digest=policy.digest,
        required=policy.approvals.required,
        roles=policy.approvals.roles,
        single_person=policy.approvals.single_person,
    )


def pin(
    former: Trust | None,
    *,
    log: Ed25519PrivateKey,
    passport: Ed25519PrivateKey,
    registry_id: str,
    policies: Iterable[Policy],
    principals: Mapping[str, Principal],
    log_ins: Iterable[TrustedLogIn] = (),
    subjects: Iterable[TrustedSubject] = (),
    replace: bool = False,
) -> Trust:
    """Return the trust that fits the installation as it is now.

    Args:
        former: what was trusted so far; its origin, witnesses, quorum and time limits stay.
        log: key that signs the ledger now.
        passport: key that signs passports now.
        registry_id: of the registry that is used now.
        policies: whose verdicts count from now on.
        principals: people by name; those without a key cannot decide, except by logging in.
        log_ins: keys that sign over log-ins, and how far they count.
        subjects: whoever decides that way.
        replace: whether to trust nothing but what is there now: what was admitted under a former policy, or by a
            former approver, is then refused.
    """
    kept = former if former is not None and not replace else None
    origin = former.origin if former is not None else new_origin()
    present = [trusted_policy(policy) for policy in policies]
    people = {
        person.key: TrustedApprover(key=person.key, roles=person.roles)
        for person in principals.values()
        if person.key is not None
    }
    digests = {policy.digest for policy in present}
    old_policies = [policy for policy in (kept.policies if kept else ()) if policy.digest not in digests]
    old_people = [person for person in (kept.approvers if kept else ()) if person.key not in people]
    services = {(each.key, each.issuer): each for each in (*(kept.log_ins if kept else ()), *log_ins)}
    logged_in = {each.subject: each for each in (*(kept.subjects if kept else ()), *subjects)}
    return Trust(
        origin=origin,
        registries=_with(kept.registries if kept else (), registry_id),
        protected=former.protected if former is not None else (CHAMPION, ANCHOR),
        log_keys=_with(kept.log_keys if kept else (), str(verifier_key(origin, log))),
        witnesses=former.witnesses if former is not None else (),
        quorum=former.quorum if former is not None else 0,
        passport_keys=_with(kept.passport_keys if kept else (), public_text(passport)),
        revocation_hours=former.revocation_hours if former is not None else REVOCATION_HOURS,
        policies=(*old_policies, *present),
        approvers=(*old_people, *people.values()),
        log_ins=tuple(services.values()),
        subjects=tuple(logged_in.values()),
    )


def _with(known: tuple[str, ...], new: str) -> tuple[str, ...]:
    return known if new in known else (*known, new)
