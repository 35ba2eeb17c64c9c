"""Between envelopes as they arrive and what the pipeline takes as a person's signature."""

from collections.abc import Sequence

from api.problems import Problem
from api.shapes import ToSignOut
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


def to_sign_out(decisions: Sequence[SignedDecision]) -> ToSignOut:
    """Return decisions as they are sent to whoever signs them."""
    forms = [plain(each) for each in decisions]
    return ToSignOut(payload_type=PAYLOAD_TYPE, decisions=[form for form in forms if isinstance(form, dict)])
