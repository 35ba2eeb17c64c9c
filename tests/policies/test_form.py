"""A policy comes back from its normal form as the same policy, or not at all."""

import dataclasses
import json

import pytest

from gatekeeper.core.digests import digest_of
from gatekeeper.core.errors import PolicyError, VerificationError
from gatekeeper.gates.catalogue import discover
from policies.form import policy_from_form
from policies.load import load_policy
from policies.policy import normal_form
from policies.source import builtin_names


@pytest.mark.parametrize("name", builtin_names())
def test_a_built_in_policy_comes_back_as_it_was(name):
    policy = load_policy(f"builtin:{name}", discover())

    kept = json.loads(json.dumps(normal_form(policy)))
    read = policy_from_form(kept, discover(), digest=policy.digest)

    assert read == policy


def test_a_changed_form_is_not_that_policy():
    policy = load_policy("builtin:baseline", discover())
    kept = normal_form(policy)
    kept["seed"] += 1

    with pytest.raises(VerificationError):
        policy_from_form(kept, discover(), digest=policy.digest)


def test_a_policy_that_differs_has_a_digest_of_its_own_whatever_was_asked_before():
    policy = load_policy("builtin:baseline", discover())
    before = policy.digest

    changed = dataclasses.replace(policy, seed=policy.seed + 1)

    assert changed.digest == digest_of(normal_form(changed)) != before


def test_a_form_with_a_gate_that_is_gone_does_not_load():
    policy = load_policy("builtin:baseline", discover())

    with pytest.raises(PolicyError):
        policy_from_form(normal_form(policy), {}, digest=policy.digest)


@pytest.mark.parametrize("form", [None, [], "policy"], ids=["nothing", "a-list", "a-word"])
def test_what_is_no_form_is_no_policy(form):
    with pytest.raises(VerificationError):
        policy_from_form(form, discover(), digest="sha256:" + "0" * 64)
