"""The betting test: valid however often it is looked at, quick on bad updates, silent on what cannot be measured."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regression import EProcess, ItemResult, UnmeasuredError, sequentially

DIFFERENCES = st.lists(st.sampled_from([-1.0, -0.5, 0.0, 0.5, 1.0]), min_size=1, max_size=6)


def item(name, score, cluster=None):
    return ItemResult(id=name, cluster=cluster or name, score=score, values=())


def run(differences, *, margin=0.02, alpha=0.01):
    process = EProcess(margin=margin, largest_cluster=1, alpha=alpha)
    for d in differences:
        if process.bet([d]).rejected:
            break
    return process.state


def test_nothing_read_is_nothing_rejected():
    assert run([]).rejected is False
    assert run([]).capital == 1.0


def test_a_bad_update_is_rejected_after_a_part_of_the_items():
    rng = np.random.default_rng(3)
    read = [run(-(rng.random(2000) < 0.12).astype(float)).items for _ in range(40)]

    assert np.median(read) <= 400


def test_an_unchanged_update_is_never_rejected_by_equal_scores():
    assert run([0.0] * 5000).rejected is False


def test_at_the_boundary_it_is_rejected_no_more_often_than_its_alpha():
    rng = np.random.default_rng(5)
    rejected = sum(
        run(rng.choice([-1.0, 1.0, 0.0], 500, p=[0.12, 0.08, 0.8]), margin=0.04).rejected for _ in range(400)
    )

    # 400 runs at 1 %: 4 expected, and more than 14 is beyond five standard errors.
    assert rejected <= 14


@given(clusters=st.lists(DIFFERENCES, max_size=8), margin=st.floats(0, 0.9))
def test_one_bets_expected_capital_never_grows_under_the_null(clusters, margin):
    process = EProcess(margin=margin, largest_cluster=6)
    for differences in clusters:
        process.bet(differences)
    # One more cluster whose mean is −margin: two outcomes, lost all or won all, with the odds of the null.
    lost = (1 + margin) / 2
    after = []
    for d, odds in ((-1.0, lost), (1.0, 1 - lost)):
        logs = [
            log + math.log1p(bet * (-margin - d) / 6) for log, bet in zip(process._logs, process._bets, strict=True)
        ]
        after.append(odds * math.fsum(map(math.exp, logs)))
    assert math.fsum(after) <= math.fsum(map(math.exp, process._logs)) * (1 + 1e-9)


@given(clusters=st.lists(DIFFERENCES, min_size=1, max_size=30))
def test_capital_never_shrinks_in_what_is_told_and_counts_add_up(clusters):
    process = EProcess(margin=0.05, largest_cluster=6)
    told = [process.bet(differences) for differences in clusters]

    assert all(later.capital >= earlier.capital for earlier, later in itertools.pairwise(told))
    assert (told[-1].clusters, told[-1].items) == (len(clusters), sum(map(len, clusters)))


@pytest.mark.parametrize(
    "differences",
    [
        pytest.param([], id="an empty cluster"),
        pytest.param([float("nan")], id="a score that is no number"),
        pytest.param([1.5], id="a score out of bounds"),
        pytest.param([0.0, 0.0], id="a cluster larger than was said"),
    ],
)
def test_what_cannot_be_bet_on_is_unmeasured(differences):
    with pytest.raises(UnmeasuredError):
        EProcess(margin=0.02, largest_cluster=1).bet(differences)


def test_rounds_are_asked_for_only_until_it_rejects():
    asked = []

    def rounds():
        for number in range(100):
            asked.append(number)
            yield tuple(item(f"{number}-{place}", 0.0) for place in range(20))

    reference = [item(f"{number}-{place}", 1.0) for number in range(100) for place in range(20)]
    told = list(sequentially(rounds(), reference, margin=0.02, largest_cluster=1))

    assert told[-1].rejected
    assert len(asked) == len(told) < 5


def test_an_item_without_a_counterpart_is_unmeasured():
    with pytest.raises(UnmeasuredError, match="one side only"):
        list(sequentially([(item("a", 1.0),)], [], margin=0.02, largest_cluster=1))


def test_a_margin_that_is_none_is_our_own_mistake():
    with pytest.raises(RuntimeError):
        EProcess(margin=1.0, largest_cluster=1)
