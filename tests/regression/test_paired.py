"""Paired intervals cover, never vanish without reason, and never compare what was not measured on both sides."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regression import Answer, UnmeasuredError, compare, compare_scores, non_inferiority, proportion
from regression.item_results import ItemResult, SuiteResult
from regression.paired import _clopper_pearson, _tango
from regression.suites import SuiteKind


def result(scores, *, clusters=None, digest="sha256:suite", ids=None):
    clusters = clusters or [f"c{n}" for n in range(len(scores))]
    ids = ids or [f"i{n}" for n in range(len(scores))]
    items = tuple(
        ItemResult(id=i, cluster=c, score=float(s), values=()) for i, c, s in zip(ids, clusters, scores, strict=True)
    )
    return SuiteResult(
        suite="toy",
        suite_digest=digest,
        kind=SuiteKind.CHOICE,
        model_digest="sha256:model",
        items=items,
        fresh=len(items),
        cached=0,
        tokens_scored=0,
        tokens_generated=0,
    )


@settings(deadline=None)  # the first call imports scipy
@given(n=st.integers(2, 400), share=st.floats(0, 1))
def test_zero_flips_never_give_an_interval_of_no_width(n, share):
    scores = [float(k < share * n) for k in range(n)]

    paired = compare(result(scores), result(scores))

    assert paired.discordant == 0
    assert paired.delta == 0.0
    assert paired.low <= -(1 - 0.05 ** (1 / n)) + 1e-9
    assert paired.high >= (1 - 0.05 ** (1 / n)) - 1e-9


def test_nothing_but_flips_is_not_certain_either():
    paired = compare(result([0.0] * 60), result([1.0] * 60))

    assert paired.delta == -1.0
    assert paired.low == -1.0
    assert paired.high > -1.0
    assert paired.negative_flips == 60


@settings(deadline=None)  # the first call imports scipy
@given(
    pairs=st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(0, 5)), min_size=8, max_size=60).filter(
        lambda rows: len({cluster for _, _, cluster in rows}) > 1
    )
)
def test_bounds_hold_the_estimate_and_swap_with_the_sides(pairs):
    clusters = [f"c{cluster}" for _, _, cluster in pairs]
    ours, theirs = [float(a) for a, _, _ in pairs], [float(b) for _, b, _ in pairs]

    there = compare_scores(ours, theirs, clusters)
    back = compare_scores(theirs, ours, clusters)

    assert -1 <= there.low <= there.delta <= there.high <= 1
    assert there.low < there.high
    assert there.low == pytest.approx(-back.high, abs=1e-9)
    assert (there.negative_flips, there.positive_flips) == (back.positive_flips, back.negative_flips)


@pytest.mark.parametrize(
    ("n", "groups", "down", "up"),
    [
        pytest.param(60, 12, 0.05, 0.0, id="few items, only losses"),
        pytest.param(60, 12, 0.08, 0.03, id="few items, both ways"),
        pytest.param(300, 60, 0.06, 0.04, id="the demo's size"),
        pytest.param(130, 10, 0.15, 0.05, id="few clusters"),
    ],
)
def test_one_sided_bounds_cover_the_true_difference_under_clustering(n, groups, down, up):
    rng = np.random.default_rng(7)
    truth, rounds = up - down, 400
    missed_low = missed_high = 0
    for _ in range(rounds):
        # A cluster's items share half of their luck: flips come in groups, with the right share over all clusters.
        shared = rng.random(groups)
        clusters = np.arange(n) % groups
        luck = np.where(rng.random(n) < 0.15, shared[clusters], rng.random(n))
        d = np.where(luck < down, -1.0, np.where(luck > 1 - up, 1.0, 0.0))
        ours, theirs = np.where(d > 0, 1.0, np.where(d < 0, 0.0, 1.0)), np.where(d > 0, 0.0, 1.0)

        paired = compare_scores(ours.tolist(), theirs.tolist(), [str(c) for c in clusters])

        missed_low += paired.low > truth
        missed_high += paired.high < truth

    # 5 % of 400 is 20; three standard errors more is 33.
    assert missed_low <= 33
    assert missed_high <= 33


def test_the_clustered_standard_error_is_the_sandwich_of_a_regression_on_a_constant():
    import statsmodels.api as sm

    rng = np.random.default_rng(3)
    clusters = np.repeat(np.arange(15), 6)
    d = rng.normal(size=90) + rng.normal(size=15)[clusters]

    ours = compare_scores(d.tolist(), [0.0] * 90, [str(c) for c in clusters])

    fit = sm.OLS(d, np.ones(90)).fit(cov_type="cluster", cov_kwds={"groups": clusters})
    assert ours.se == pytest.approx(fit.bse[0], rel=1e-9)
    assert ours.method == "cluster-t"


@pytest.mark.parametrize(("b", "c", "n"), [(9, 1, 50), (0, 4, 60), (3, 0, 40), (12, 12, 100)])
def test_the_bounds_of_the_score_interval_solve_its_defining_equation(b, c, n):
    z = 1.6448536269514722

    for side in (-1, 1):
        bound = _tango(b, c, n, z, side=side)

        # With p(b) − p(c) held at the bound, the likeliest p(c) by search gives a score statistic of ±z.
        q = np.linspace(max(0.0, -bound), (1 - bound) / 2, 400_001)[1:-1]
        likelihood = b * np.log(q + bound) + c * np.log(q) + (n - b - c) * np.log(1 - 2 * q - bound)
        best = q[np.argmax(likelihood)]
        statistic = (b - c - n * bound) / math.sqrt(n * (2 * best + bound * (1 - bound)))
        assert statistic == pytest.approx(-side * z, rel=1e-3)


def test_the_score_bound_without_flips_has_a_closed_form():
    z = 1.6448536269514722

    assert _tango(0, 0, 44, z, side=1) == pytest.approx(z**2 / (44 + z**2), abs=1e-9)


def test_the_exact_bound_of_nothing_in_n_is_the_rule_of_three():
    assert _clopper_pearson(0, 60, 0.05)[1] == pytest.approx(1 - 0.05 ** (1 / 60))


@pytest.mark.parametrize(
    ("lost", "margin", "answer"),
    [
        pytest.param(0, 0.05, Answer.PASS, id="no flips, margin above the exact bound"),
        pytest.param(0, 0.04, Answer.INCONCLUSIVE, id="no flips, too few items for the margin"),
        pytest.param(3, 0.05, Answer.INCONCLUSIVE, id="the interval straddles the margin"),
        pytest.param(30, 0.05, Answer.FAIL, id="surely worse"),
    ],
)
def test_non_inferiority_has_three_answers(lost, margin, answer):
    paired = compare(result([0.0] * lost + [1.0] * (60 - lost)), result([1.0] * 60))

    assert non_inferiority(paired, margin) is answer


def test_a_bound_on_the_margin_itself_is_no_pass():
    paired = dataclasses.replace(compare(result([1.0] * 60), result([1.0] * 60)), low=-0.05)

    assert non_inferiority(paired, 0.05) is Answer.INCONCLUSIVE


@pytest.mark.parametrize(
    ("candidate", "reference", "sentence"),
    [
        pytest.param(result([1.0]), result([1.0]), "too few", id="one item"),
        pytest.param(
            result([1.0, 0.0], clusters=["a", "a"]),
            result([1.0, 1.0], clusters=["a", "a"]),
            "one cluster",
            id="one cluster",
        ),
        pytest.param(result([]), result([]), "too few", id="nothing"),
        pytest.param(result([1.0, 1.0]), result([1.0, 1.0, 1.0]), "one side only, first 'i2'", id="an item missing"),
        pytest.param(result([1.0, 1.0]), result([1.0, 1.0], digest="x"), "different suites", id="another suite"),
        pytest.param(result([1.0, math.nan]), result([1.0, 1.0]), "not finite", id="not a number"),
        pytest.param(result([1.0, 1.0], ids=["i", "i"]), result([1.0, 1.0]), "twice", id="an item twice"),
    ],
)
def test_what_was_not_measured_on_both_sides_is_an_error(candidate, reference, sentence):
    with pytest.raises(UnmeasuredError, match=sentence):
        compare(candidate, reference)


def test_items_are_paired_by_id_and_not_by_position():
    ours = result([1.0, 0.0, 1.0], ids=["a", "b", "c"])
    theirs = result([1.0, 1.0, 0.0], ids=["c", "a", "b"])

    assert compare(ours, theirs).discordant == 0


@pytest.mark.parametrize("right", [0, 1, 30, 59, 60])
def test_a_proportion_is_never_certain(right):
    share = proportion(result([1.0] * right + [0.0] * (60 - right)))

    assert 0 <= share.low <= share.mean == pytest.approx(right / 60)
    assert share.mean <= share.high <= 1
    assert share.high - share.low >= 1 - 0.05 ** (1 / 60) - 1e-9


def test_clustered_answers_widen_a_proportion():
    scores = [1.0] * 30 + [0.0] * 30

    alone = proportion(result(scores))
    grouped = proportion(result(scores, clusters=[f"c{n // 5}" for n in range(60)]))

    assert grouped.high - grouped.low > 1.5 * (alone.high - alone.low)
