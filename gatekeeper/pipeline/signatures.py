"""How a decision comes to be signed: by its person's key, here or before it arrived, or by the service over a log-in.

Whoever calls the service signs where their key is and sends the envelope. What the envelope says must be, word for
word, what would have been signed here: another digest, another request, another time is another decision.
"""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, TypeAlias

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audits.passport.decision import SignedDecision, read_decision, sign_decision
from audits.passport.dsse import public_text
from audits.passport.log_in import LogIn, sign_for_log_in
from gatekeeper.core.errors import StateError

_REQUEST_ID: Final = re.compile(r"req-[0-9a-f]{16}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedElsewhere:
    """One person's decisions that arrived signed; more than one where a step takes several."""

    public: str
    """The person's public key, as principals.toml names it: the envelopes count for nobody else."""
    envelopes: tuple[str, ...]

    def about(self, action: str, update: str) -> tuple[SignedDecision, str] | None:
        """Return what was signed about one action on one update, with its envelope; ``None`` without such a thing.

        Raises:
            VerificationError: something is no envelope, or the person's key did not sign it.
        """
        for envelope in self.envelopes:
            decision, _key = read_decision(envelope, (self.public,))
            if (decision.action, decision.update) == (action, update):
                return decision, envelope
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class OverLogIn:
    """The service signs in the person's place, over what was verified of their log-in."""

    key: Ed25519PrivateKey = field(repr=False)
    """The installation's own for this, which signs nothing else."""
    log_in: LogIn


SigningKey: TypeAlias = Ed25519PrivateKey | SignedElsewhere | OverLogIn
"""What makes a person's signature."""


def public_of(key: SigningKey) -> str:
    """Return the public half of what signs, as text."""
    if isinstance(key, SignedElsewhere):
        return key.public
    return public_text(key.key if isinstance(key, OverLogIn) else key)


def signed(decision: SignedDecision, key: SigningKey) -> str:
    """Return the envelope of exactly this decision.

    Raises:
        StateError: what arrived signed is another decision.
        VerificationError: what arrived is no envelope of this person.
    """
    if isinstance(key, OverLogIn):
        return sign_for_log_in(decision, key.log_in, key.key)
    if not isinstance(key, SignedElsewhere):
        return sign_decision(decision, key)
    found = key.about(decision.action, decision.update)
    if found is None or found[0] != decision:
        raise StateError(
            "What was signed is not what would be recorded: bytes, policy, evidence, request or time differ.",
            hint="Look at the update again, and sign what stands there now.",
        )
    return found[1]


def named_in_advance(
    key: SigningKey, action: str, update: str, *, latest: datetime, moment: datetime
) -> tuple[str | None, datetime]:
    """Return id and end of a request that is about to be opened, where its first signature names them.

    Args:
        key: makes the signature.
        action: of the request.
        update: it is about.
        latest: when it would end at the latest.
        moment: the present one.

    Returns:
        ``None`` and ``latest`` where nothing was signed in advance.

    Raises:
        StateError: the signature names no id that a request can have, or another time.
    """
    found = key.about(action, update) if isinstance(key, SignedElsewhere) else None
    if found is None:
        return None, latest
    decision = found[0]
    try:
        ends = datetime.strptime(decision.expires, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    except ValueError as error:
        raise StateError("What was signed names no time.", hint="Sign what the service gives to sign.") from error
    if _REQUEST_ID.fullmatch(decision.request or "") is None or not moment < ends <= latest:
        raise StateError(
            "What was signed names no request that can be opened now: its id or its time does not fit.",
            hint="Ask for what is to be signed again.",
        )
    return decision.request, ends
