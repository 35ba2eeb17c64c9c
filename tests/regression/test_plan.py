"""The plan of a suite's size says what the intervals then do."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regression import Wanted, compare_scores, items_needed, joint_plan, margin_reachable


def test_two_points_need_thousands_of_items():
    # (1.645 + 1.645)² · 0.10 / 0.02² = 2,706
    assert items_needed(0.02, 0.10) == 2706


@settings(deadline=None)  # the first call imports scipy
@given(
    margin=st.floats(0.01, 0.2), discordant=st.floats(0.01, 0.5), tests=st.integers(1, 12), effect=st.floats(1.0, 4.0)
)
def test_the_margin_of_the_items_needed_is_the_margin_asked_for(margin, discordant, tests, effect):
    n = items_needed(margin, discordant, tests=tests, design_effect=effect)

    assert margin_reachable(n, discordant, tests=tests, design_effect=effect) <= margin + 1e-12


def test_an_unchanged_model_passes_as_often_as_planned():
    rng = np.random.default_rng(11)
    margin, discordant, rounds = 0.05, 0.10, 300
    n = items_needed(margin, discordant)
    clusters = [str(k) for k in range(n)]

    passed = 0
    for _ in range(rounds):
        d = rng.choice([-1.0, 0.0, 1.0], p=[discordant / 2, 1 - discordant, discordant / 2], size=n)
        ours, theirs = np.where(d < 0, 0.0, 1.0), np.where(d > 0, 0.0, 1.0)
        passed += compare_scores(ours.tolist(), theirs.tolist(), clusters).low > -margin

    # 95 % of 300 is 285; three standard errors less is 273.
    assert passed >= 273


@pytest.mark.parametrize("wrong", [{"margin": 0.0}, {"discordant": 0.0}, {"alpha": 0.5}, {"tests": 0}])
def test_a_plan_without_sense_is_our_own_misuse(wrong):
    arguments = {"margin": 0.02, "discordant": 0.1} | wrong

    with pytest.raises(RuntimeError):
        items_needed(**arguments)


def test_a_plan_over_several_suites_asks_more_of_each_than_one_alone():
    wanted = [Wanted(name=name, items=2000, margin=0.02, discordant=0.05, tokens_per_item=30.0) for name in "abc"]

    together = joint_plan(wanted, tokens_per_second=1300.0)
    alone = joint_plan(wanted[:1])

    assert together.suites[0].need > alone.suites[0].need == items_needed(0.02, 0.05)
    assert together.suites[0].reachable == pytest.approx(margin_reachable(2000, 0.05, tests=3))
    assert together.seconds == pytest.approx(sum(row.tokens for row in together.suites) / 1300.0)
    assert alone.seconds is None
    assert together.suites[0].enough is (together.suites[0].need <= 2000)


def test_a_plan_about_nothing_is_our_own_mistake():
    with pytest.raises(RuntimeError):
        joint_plan([])
