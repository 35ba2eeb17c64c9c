"""Items that changed sides, beside chance; and which suite is named when several look worse."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regression import UnmeasuredError, count_flips, name_regressions, regression_p
from regression.paired import Answer, compare_scores, non_inferiority

SCORES = st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60)


@given(pairs=SCORES)
def test_flips_are_what_the_accuracies_say(pairs):
    candidate, reference = ([float(pair[side]) for pair in pairs] for side in (0, 1))

    found = count_flips(candidate, reference)

    assert found.positive - found.negative == sum(candidate) - sum(reference)
    assert (found.negative == 0) == (found.relative in (0, None))


def test_two_models_that_know_nothing_of_each_other_are_at_chance():
    candidate = [1.0, 0.0] * 50
    reference = [1.0, 1.0, 0.0, 0.0] * 25

    assert count_flips(candidate, reference).relative == pytest.approx(1.0)


def test_the_same_answers_have_no_flips():
    assert count_flips([1.0, 0.0, 1.0], [1.0, 0.0, 1.0]).negative == 0


@pytest.mark.parametrize("scores", [[], [0.5], [float("nan")]])
def test_what_is_no_yes_or_no_is_unmeasured(scores):
    with pytest.raises(UnmeasuredError):
        count_flips(scores, scores)


@pytest.mark.parametrize("lost", [0, 5, 30, 60])
def test_the_p_value_and_the_answer_agree(lost):
    candidate, reference = [0.0] * lost + [1.0] * (300 - lost), [1.0] * 300
    clusters = [str(number) for number in range(300)]

    p = regression_p(candidate, reference, clusters, margin=0.05)

    for alpha in (0.001, 0.01, 0.05, 0.2):
        fails = non_inferiority(compare_scores(candidate, reference, clusters, alpha=alpha), 0.05) is Answer.FAIL
        assert fails is (p < alpha) or p == pytest.approx(alpha, rel=1e-6)


def test_holm_names_what_stays_significant_among_several():
    assert name_regressions({"a": 0.001, "b": 0.03, "c": 0.04}) == ("a",)
    assert name_regressions({"a": 0.001, "b": 0.02, "c": 0.6}) == ("a", "b")
    assert name_regressions({}) == ()
