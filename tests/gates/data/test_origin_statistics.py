import numpy as np
import pytest

from gatekeeper.gates.data.origins.backing import _few_if_independent, alone_p, few_p, these_p
from gatekeeper.gates.data.origins.bursts import (
    bouts,
    bursts,
    resolution,
    scan_p,
    together_p,
    usable_windows,
)
from gatekeeper.gates.data.origins.label_flips import adjusted, consensus, fit, flippers
from gatekeeper.gates.data.origins.near_duplicates import candidates, groups, similarity
from gatekeeper.gates.data.origins.word_hashes import bands, gram_hashes, shingles, word_hashes

DAY = 86400.0


@pytest.mark.parametrize(("n", "w", "k"), [(30, 1 / 24, 6), (100, 1 / 24, 13), (20, 0.1, 8)])
def test_the_scan_probability_is_that_of_simulated_points(n, w, k):
    points = np.sort(np.random.default_rng(3).random((20000, n)), axis=1)
    within = points[:, k - 1 :] - points[:, : n - k + 1] <= w

    assert scan_p(k, n, w) == pytest.approx(within.any(axis=1).mean(), rel=0.15)


def test_uniform_bouts_give_bursts_no_more_often_than_the_level():
    drawn = np.random.default_rng(5)

    found = sum(bool(bursts(drawn.random(300) * 60 * DAY, (600.0, 3600.0), level=0.05, least=3)) for _ in range(200))

    assert found <= 20  # of 200 at a level of 5 %: above 20 with probability 0.4 %


def test_a_chosen_few_are_surprising_no_more_often_than_chance_whatever_the_waves():
    drawn = np.random.default_rng(6)
    everything = np.concatenate([drawn.normal(centre, 900.0, 40) for centre in drawn.random(30) * 60 * DAY])

    low = sum(
        together_p(drawn.choice(everything, 15, replace=False), everything, (60.0, 600.0)) <= 0.05 for _ in range(300)
    )

    assert low <= 25  # of 300 at 5 %


def test_a_bout_ends_with_a_pause():
    times = np.array([0.0, 100.0, 5000.0, 50.0, np.nan, 6000.0])

    numbers = bouts(times, np.array([0, 0, 0, 1, 1, 0]))

    assert numbers[4] == -1
    assert numbers[0] == numbers[1] != numbers[2] == numbers[5]
    assert len(set(numbers[[0, 2, 3]].tolist())) == 3


def test_times_can_show_no_window_below_their_resolution():
    days = np.arange(60) * DAY
    minutes = np.arange(600) * 60.0 * 97

    assert resolution(days) == DAY
    assert usable_windows(days, (60.0, 3600.0)) == ()
    assert usable_windows(minutes, (60.0, 600.0)) == (600.0,)
    assert usable_windows(np.array([]), (60.0,)) == ()


@pytest.mark.parametrize("shares", [np.full(12, 1 / 12), np.array([0.5, 0.2, *[0.03] * 10])], ids=["alike", "unlike"])
def test_the_probability_of_few_contributors_is_that_of_simulated_draws(shares):
    drawn = np.random.default_rng(9).choice(len(shares), size=(40000, 8), p=shares)
    distinct = np.array([len(set(row)) for row in drawn.tolist()])

    for most in (2, 4, 6):
        assert few_p(shares, 8, most) == pytest.approx((distinct <= most).mean(), abs=0.01)
    assert _few_if_independent(shares, 8, 2) > few_p(shares, 8, 2)
    assert few_p(shares, 8, 1) == pytest.approx(alone_p(shares, 8))
    assert few_p(shares, 8, 12) == pytest.approx(1)


def test_rows_of_contributors_who_give_little_else_are_surprising_and_drawn_rows_are_not():
    shares = np.array([0.3, 0.2, *[0.02] * 20, *[0.004] * 25])
    drawn = np.random.default_rng(10)

    low = 0
    for _ in range(400):
        people = set(drawn.choice(len(shares), size=12, p=shares).tolist())
        low += these_p(shares, sorted(people), 12) <= 0.05

    assert low <= 20
    assert these_p(shares, range(30, 35), 20) < 1e-20
    assert these_p(shares, range(len(shares)), 20) == pytest.approx(1)


def test_a_label_is_compared_with_what_most_others_say_of_the_text():
    texts = np.array([1, 1, 1, 2, 2, 3], dtype=np.uint64)
    labels = np.array([0, 0, 1, 1, 0, 1])
    people = np.array([0, 1, 2, 0, 0, 1])

    assert consensus(texts, labels, people) == [-1, -1, 0, -1, -1, -1]


def test_people_who_differ_are_flippers_no_more_often_than_the_rate():
    drawn = np.random.default_rng(12)
    named = 0
    for _ in range(100):
        n = drawn.integers(10, 120, 40)
        x = drawn.binomial(n, drawn.beta(2, 18, 40))
        found, tested = flippers(x.tolist(), n.tolist(), fdr=0.01, min_labels=10)
        named += bool(found)
        assert tested == 40

    assert named <= 5  # of 100 batches at a false discovery rate of 1 %


def test_flippers_are_found_among_people_who_differ():
    drawn = np.random.default_rng(13)
    n = np.full(40, 60)
    x = drawn.binomial(n, drawn.beta(2, 18, 40))
    x[:3] = 45

    found, _ = flippers(x.tolist(), n.tolist(), fdr=0.01, min_labels=10)

    assert {one.person for one in found} == {0, 1, 2}


def test_too_few_people_are_not_compared():
    assert flippers([9, 0, 0, 0], [10, 10, 10, 10], fdr=0.01, min_labels=10) == ([], 0)


def test_moments_give_back_what_was_drawn():
    drawn = np.random.default_rng(14)
    n = np.full(4000, 50)
    x = drawn.binomial(n, drawn.beta(2, 8, 4000))

    mean, spread = fit(x.astype(float), n.astype(float))

    assert mean == pytest.approx(0.2, abs=0.01)
    assert spread == pytest.approx(1 / 11, abs=0.01)


def test_adjusted_probabilities_are_those_of_benjamini_and_hochberg():
    assert adjusted(np.array([0.01, 0.04, 0.03, 0.005])).tolist() == pytest.approx([0.02, 0.04, 0.04, 0.02])
    assert adjusted(np.array([])).tolist() == []


def test_near_duplicates_are_grouped_and_others_are_not():
    text = "the keeper of the light rows out each morning to see whether the lamp still burns as it should do"
    near = text.replace("should do", "should again")
    other = "nobody in this valley has ever seen a boat as small as the one that the miller built last year"
    hashed = [shingles(word_hashes(words.split())) for words in (text, other, near, text)]
    keys = bands(hashed)

    doubtful = candidates(keys)
    places = np.flatnonzero(doubtful).tolist()

    assert groups(places, keys[doubtful], dict(enumerate(hashed))) == [(0, 2, 3)]
    assert similarity(hashed[0], hashed[3]) == 1
    assert 0.8 < similarity(hashed[0], hashed[2]) < 1


def test_bands_meet_as_often_as_minhash_promises():
    drawn = np.random.default_rng(15)
    met = {0.7: 0, 0.3: 0}
    for share in met:
        for _ in range(400):
            base = drawn.integers(0, 1 << 62, 100, dtype=np.uint64)
            common = round(200 * share / (1 + share))
            other = np.concatenate((base[:common], drawn.integers(0, 1 << 62, 100 - common, dtype=np.uint64)))
            one, two = bands([np.sort(base), np.sort(other)])
            met[share] += bool((one == two).any())

    assert met[0.7] / 400 == pytest.approx(1 - (1 - 0.7**3) ** 8, abs=0.04)
    assert met[0.3] / 400 == pytest.approx(1 - (1 - 0.3**3) ** 8, abs=0.06)


def test_runs_of_words_depend_on_their_order():
    hashes = word_hashes(["a", "b", "c", "a", "b"])

    pairs = gram_hashes(hashes, 2)

    assert pairs[0] == pairs[3]
    assert len(set(pairs.tolist())) == 3
    assert gram_hashes(hashes, 6).tolist() == []
