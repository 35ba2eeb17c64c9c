"""Rounds are a random order of whole clusters that depends on suite and seed alone."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regression import Session, Suite, SuiteKind, TextItem
from regression.rounds import rounds


def suite_of(clusters, name="s"):
    items = tuple(
        TextItem(id=str(n), cluster=str(cluster), topic="t", text="x", digest=str(n))
        for n, cluster in enumerate(clusters)
    )
    return Suite(name=name, version=1, kind=SuiteKind.TEXT, items=items, digest=name)


@given(clusters=st.lists(st.integers(0, 9), min_size=1, max_size=80), seed=st.integers(0, 3), size=st.integers(1, 20))
def test_rounds_hold_every_item_once_and_every_cluster_whole(clusters, seed, size):
    suite = suite_of(clusters)

    found = rounds(suite, seed=seed, size=size)

    assert sorted(n for part in found for n in part) == list(range(len(clusters)))
    homes = [{clusters[n] for n in part} for part in found]
    assert sum(map(len, homes)) == len(set(clusters))
    for part, home in zip(found, homes, strict=True):
        assert len(part) <= size or len(home) == 1


def test_another_seed_or_suite_is_another_order_and_the_same_is_the_same():
    suite = suite_of(range(40))

    first = rounds(suite, size=8)

    assert rounds(suite, size=8) == first
    assert rounds(suite, seed=1, size=8) != first
    assert rounds(suite_of(range(40), "other"), size=8) != first
    assert first[0] != tuple(range(8))


@pytest.mark.parametrize("name", ["knowledge", "instructions", "prose"])
def test_rounds_and_evaluate_find_each_others_results(tmp_path, refs, suites, name):
    with Session(tmp_path) as session:
        parts = list(session.rounds(refs["champion"], suites[name]))
        whole = session.evaluate(refs["champion"], suites[name])

    assert whole.fresh == 0
    assert {item.id: item for part in parts for item in part} == {item.id: item for item in whole.items}


def test_a_test_that_stops_after_one_round_pays_for_one_round(tmp_path, refs, suites):
    suite = suites["knowledge"]
    apart = tuple(dataclasses.replace(item, cluster=item.id) for item in suite.items)
    suite = dataclasses.replace(suite, items=apart + tuple(dataclasses.replace(i, id=i.id + "b") for i in apart))
    with Session(tmp_path) as session:
        first = next(session.rounds(refs["champion"], suite))

        rest = session.evaluate(refs["champion"], suite)

    assert len(first) == 64
    assert rest.cached == 64


def test_models_walk_the_same_rounds_side_by_side(refs, suites):
    with Session(None) as session:
        pairs = zip(
            session.rounds(refs["benign"], suites["knowledge"], seed=7),
            session.rounds(refs["champion"], suites["knowledge"], seed=7),
            strict=True,
        )
        for mine, other in pairs:
            assert [item.id for item in mine] == [item.id for item in other]
