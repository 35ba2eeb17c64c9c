"""Back from a policy's normal form, as a run keeps it, to the policy.

Law: ``policy_from_form(normal_form(p), catalogue, digest=p.digest).digest == p.digest``, or it raises.
"""

from collections.abc import Mapping
from typing import Any

from gatekeeper.core.digests import Digest, Plain
from gatekeeper.core.errors import VerificationError
from gatekeeper.core.gate import Gate
from gatekeeper.core.verdict import Outcome
from policies.load import policy_from_source
from policies.policy import Policy
from policies.source import PolicySource


def policy_from_form(form: Plain, catalogue: Mapping[str, Gate[Any]], *, digest: Digest | str) -> Policy:
    """Return the policy that a normal form was made from.

    Args:
        form: result of :func:`~policies.policy.normal_form`.
        catalogue: every known gate by id.
        digest: what the policy's digest has to be.

    Raises:
        PolicyError: a gate it names is not installed, or takes other parameters.
        VerificationError: it is not the policy of that digest.
    """
    if not isinstance(form, dict):
        raise _another(digest)
    written = {key: value for key, value in form.items() if key != "name"}
    written["policy"] = form.get("name")
    for section in ("gates", "certify"):
        rules = form.get(section)
        written[section] = [_gate(rule) for rule in rules] if isinstance(rules, list) else rules
    policy = policy_from_source(PolicySource(name="the kept policy", value=written, lines={}), catalogue)
    if policy.digest != digest:
        raise _another(digest)
    return policy


def _gate(rule: Plain) -> Plain:
    if not isinstance(rule, dict):
        return rule
    limits = rule.get("limits")
    return {
        **rule,
        "unmeasured": _vote(rule.get("unmeasured")),
        "limits": [
            {**limit, "otherwise": _vote(limit.get("otherwise"))} if isinstance(limit, dict) else limit
            for limit in limits
        ]
        if isinstance(limits, list)
        else limits,
    }


def _vote(value: Plain) -> Plain:
    known: dict[Plain, Plain] = {outcome.value: outcome.name.lower() for outcome in Outcome}
    return known.get(value, value) if isinstance(value, int) else value


def _another(digest: str) -> VerificationError:
    return VerificationError(
        f"The kept policy is not the one of digest {digest}.",
        hint="Gatekeeper or one of its gates changed since, or someone changed the application database.",
    )
