"""Small versions of the simulations: bounds several standard errors wide, so that only a broken test fails them."""

import math

import numpy as np
import pytest

from tests.benchmarks import early_stop, lineages, type_one


@pytest.mark.parametrize("situation", [name for name in type_one.SITUATIONS if "2,000" not in name])
def test_at_the_boundary_a_pass_is_no_more_frequent_than_its_level(situation):
    count = 500
    allowed = type_one.ALPHA + 4.5 * math.sqrt(type_one.ALPHA * (1 - type_one.ALPHA) / count)

    assert type_one._passes((situation, 11, count)) / count <= allowed


def test_fifty_submissions_together_pass_no_more_often_than_one_may():
    rate = type_one.spending(np.random.default_rng(3), 200, n=300, discordant=0.05, margin=0.02)

    assert rate <= 0.05 + 4.5 * math.sqrt(0.05 * 0.95 / 200)


def test_slow_drift_is_stopped_by_the_anchor_and_never_failed_by_the_champion_test():
    rng = np.random.default_rng(2)
    runs = [lineages.lineage(rng, 0.002) for _ in range(20)]

    by_fifteenth = [any(answer != "pass" for answer in by_anchor[:15]) for _, by_anchor, _ in runs]
    assert sum(by_fifteenth) >= 15
    assert not any("fail" in by_champion for by_champion, _, _ in runs)


def test_a_bad_update_is_given_up_early_and_an_unchanged_one_is_not():
    rng = np.random.default_rng(4)
    read = [early_stop.read(rng, -0.10, 1) or early_stop.ITEMS for _ in range(40)]

    assert np.median(read) <= 0.2 * early_stop.ITEMS
    assert all(early_stop.read(rng, 0.0, 1) is None for _ in range(10))
