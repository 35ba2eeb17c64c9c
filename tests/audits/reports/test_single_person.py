"""An installation that one person may run says so in every report."""

import dataclasses

import pytest
from run_example import example

from audits.reports import FORMATS
from gatekeeper.cli.reporting import policy_words
from gatekeeper.gates.catalogue import discover
from policies.load import load_policy


@pytest.mark.parametrize("kind", sorted(FORMATS))
def test_every_format_shows_it(kind):
    policy = load_policy("builtin:baseline", discover())
    alone = dataclasses.replace(policy, approvals=dataclasses.replace(policy.approvals, single_person=True))

    words = policy_words(alone)
    view = dataclasses.replace(example(), policy=words)

    assert "single person" in words
    assert "single person" in FORMATS[kind](view)
    assert "single person" not in policy_words(policy)
