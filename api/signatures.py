"""Between envelopes as they arrive and what the pipeline takes as a person's signature."""

from collections.abc import Sequence
from dataclasses import replace

from api.problems import Problem
from api.shapes.decisions import ToSignOut
from audits.passport.decision import PAYLOAD_TYPE, SignedDecision, read_decision
from gatekeeper.core.digests import plain
from gatekeeper.core.errors import VerificationError
from gatekeeper.pipeline.principal import Principal
from gatekeeper.pipeline.signatures import SignedElsewhere


def signed_by(principal: Principal, envelopes: Sequence[str]) -> SignedElsewhere:
    """Return envelopes as their person's signature; whether they say the right thing is the pipeline's to check.

    Raises:
        Problem: the person has no key, or it did not sign one of them.
    """
    if principal.key is None:
        raise Problem(
            "not-allowed",
            f"{principal.name} has no key to sign with.",
            hint="They create one with `gatekeeper key create` and put it into principals.toml.",
        )
    for envelope in envelopes:
        try:
            read_decision(envelope, (principal.key,))
        except VerificationError as error:
            raise Problem("bad-signature", error.message, hint=f"It takes {principal.name}'s own key.") from error
    return SignedElsewhere(public=principal.key, envelopes=tuple(envelopes))


def require_complete(envelopes: SignedElsewhere, asked: Sequence[SignedDecision]) -> None:
    """Return when everything that a step takes was signed, so that it does not stop half-way.

    Raises:
        Problem: something is missing, or is about something else. Request and time are the pipeline's to check.
    """
    for decision in asked:
        found = envelopes.about(decision.action, decision.update)
        alike = None if found is None else replace(found[0], request=decision.request, expires=decision.expires)
        if alike != decision:
            raise Problem(
                "state",
                f"The decision to {decision.action} is missing, or is about something else than what is there now.",
                hint="Ask for what is to be signed again.",
            )


def to_sign_out(decisions: Sequence[SignedDecision]) -> ToSignOut:
    """Return decisions as they are sent to whoever signs them."""
    forms = [plain(each) for each in decisions]
    return ToSignOut(payload_type=PAYLOAD_TYPE, decisions=[form for form in forms if isinstance(form, dict)])
