"""The table of moves is closed, and nothing reaches production without passing through an approval."""

import pytest

from gatekeeper.core.errors import StateError
from gatekeeper.core.states import MOVES, State, require_move


def paths_to(goal, *, without):
    """Return every state from which ``goal`` can be reached when the states in ``without`` are closed."""
    found, grew = {goal}, True
    while grew:
        more = {start for start, ends in MOVES.items() if start not in without and ends & found} - found
        found |= more
        grew = bool(more)
    return found


def test_every_state_has_a_row():
    assert set(MOVES) == set(State)


def test_production_is_reached_only_through_approval_or_break_glass():
    assert State.SUBMITTED not in paths_to(State.ACTIVE, without={State.APPROVED, State.BREAK_GLASS})


def test_a_blocked_update_reaches_production_only_by_breaking_glass():
    assert State.BLOCKED not in paths_to(State.ACTIVE, without={State.BREAK_GLASS})


def test_an_errored_update_must_be_evaluated_again():
    assert MOVES[State.ERRORED] == {State.EVALUATING, State.WITHDRAWN}


@pytest.mark.parametrize("final", [State.REJECTED, State.EXPIRED, State.WITHDRAWN, State.REVOKED], ids=str)
def test_final_states_lead_nowhere(final):
    with pytest.raises(StateError, match="final"):
        require_move(final, State.EVALUATING)


def test_an_allowed_move_is_silent():
    assert require_move(State.SUBMITTED, State.EVALUATING) is None


def test_a_forbidden_move_names_what_is_allowed():
    with pytest.raises(StateError, match="EVALUATING, WITHDRAWN"):
        require_move(State.SUBMITTED, State.ACTIVE)
