"""Whatever people, programs, registries, clocks and thieves do to the service, what must always be true stays true."""

import inspect

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import INITIALIZE_RULE_MARKER, RULE_MARKER, run_state_machine_as_test
from machine_invariants import ServiceMachine
from machine_promises import Tally

TRANSITIONS = 2_000
MOST_ROUNDS = 12
MARKS = (RULE_MARKER, INITIALIZE_RULE_MARKER)


def seeded(number, counted):
    """Give the machine with a seed of its own, so that a test is the same every time."""

    @seed(number)
    class Seeded(ServiceMachine):
        tally = counted

    return Seeded


def rules():
    """Names of everything that can happen."""
    return {name for name, each in inspect.getmembers(ServiceMachine) if any(hasattr(each, mark) for mark in MARKS)}


@pytest.mark.timeout(900)
def test_no_invariant_breaks_over_two_thousand_changes_of_state():
    tally = Tally()

    for number in range(MOST_ROUNDS):
        if tally.transitions >= TRANSITIONS and set(tally.rules) == rules():
            break
        run_state_machine_as_test(
            seeded(number, tally),
            settings=settings(
                max_examples=12,
                stateful_step_count=15,
                database=None,
                deadline=None,
                phases=(Phase.generate, Phase.shrink),
                suppress_health_check=list(HealthCheck),
            ),
        )

    assert tally.transitions >= TRANSITIONS
    assert set(tally.rules) == rules()
