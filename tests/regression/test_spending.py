"""An evaluation set that is asked again and again: less error for each, and an end."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regression import spend

ASK = {"alpha": 0.05, "comparisons": 2, "budget_bits": 40.0}


def test_the_first_submission_spends_six_over_pi_squared_of_it():
    first = spend([], "a", **ASK)

    assert first.k == 1
    assert first.alpha == pytest.approx(0.05 * 6 / math.pi**2)
    assert first.bits == pytest.approx(2 * math.log2(3))


@given(history=st.lists(st.sampled_from("abcdefgh"), max_size=30))
def test_the_same_bytes_again_spend_what_they_spent(history):
    for digest in dict.fromkeys(history):
        again = spend(history, digest, **ASK)

        assert again.again
        assert again.k == list(dict.fromkeys(history)).index(digest) + 1


def test_all_submissions_together_never_spend_more_than_alpha():
    spent = math.fsum(spend([str(n) for n in range(k)], "new", **ASK).alpha for k in range(2000))

    assert spent <= 0.05


def test_a_set_wears_out_when_its_bits_are_gone():
    history = [str(number) for number in range(12)]

    assert spend(history[:11], "new", **ASK).worn_out is False
    assert spend(history, "new", **ASK).worn_out is True


def test_coming_back_tells_a_submission_what_it_was_told_the_first_time():
    history: list[str] = []
    for number in range(20):
        first = spend(history, str(number), **ASK)
        history.append(str(number))
        again = spend(history, str(number), **ASK)

        assert (again.k, again.alpha, again.worn_out) == (first.k, first.alpha, first.worn_out)
    assert spend(history, "19", **ASK).worn_out, "a late one stays late"
    assert not spend(history, "0", **ASK).worn_out, "an early one was answered within the budget"


@pytest.mark.parametrize("changed", [{"alpha": 0.6}, {"comparisons": 0}, {"budget_bits": 0.0}])
def test_what_cannot_be_spent_is_our_own_mistake(changed):
    with pytest.raises(RuntimeError):
        spend([], "a", **{**ASK, **changed})
