"""Whatever people, programs, registries, clocks and thieves do to the service, what must always be true stays true."""

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from machine_invariants import ServiceMachine
from machine_promises import Tally

TRANSITIONS = 2_000


def rules_of(machine):
    """Names of everything that can happen."""
    return {rule.function.__name__ for rule in (*machine.rules(), *machine.initialize_rules())}


def test_no_invariant_breaks_over_two_thousand_changes_of_state():
    tally = ServiceMachine.tally = Tally()

    run_state_machine_as_test(
        ServiceMachine,
        settings=settings(
            max_examples=60,
            stateful_step_count=15,
            derandomize=True,
            database=None,
            deadline=None,
            phases=(Phase.generate, Phase.shrink),
            suppress_health_check=list(HealthCheck),
        ),
    )

    assert tally.transitions >= TRANSITIONS
    assert set(tally.rules) == rules_of(ServiceMachine)
