"""Replies that are drawn: the right distribution, the same ones again, and never mixed up in the cache."""

from collections import Counter

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from regression import ModelRef, Session
from regression.generation import drawn
from regression.suites import Decoding, make_suite


def suite(count=6, **decoding):
    rows = [
        {
            "id": str(n),
            "cluster": str(n),
            "topic": "t",
            "prompt": "The old",
            "judge": {"type": "regex", "pattern": "fox|miller"},
            "max_new_tokens": 4,
        }
        for n in range(count)
    ]
    return make_suite({"suite": "s", "version": 1, "kind": "generate", "decoding": decoding}, rows, source="test")


@pytest.fixture
def ref(tiny_world):
    return ModelRef(base=tiny_world.base)


def replies(result):
    return [(item.text, *item.more) for item in result.items]


def test_a_seed_gives_the_same_replies_and_another_seed_others(ref):
    hot = {"temperature": 1.5, "samples": 3}
    found = []
    for seed in (7, 7, 8):
        with Session(None, dtype="float32", device="cpu") as session:
            found.append(replies(session.evaluate(ref, suite(seed=seed, **hot))))

    assert found[0] == found[1] != found[2]
    assert len(set(found[0])) > 1
    assert all(len(own) == 3 for own in found[0])


def test_the_decoding_is_part_of_the_cache_key(ref, tmp_path):
    with Session(tmp_path, dtype="float32", device="cpu") as session:
        first = session.evaluate(ref, suite(temperature=1.0, seed=1))
        again = session.evaluate(ref, suite(temperature=1.0, seed=1))
        others = [
            session.evaluate(ref, suite(**decoding))
            for decoding in ({"temperature": 1.0, "seed": 2}, {"temperature": 0.5, "seed": 1}, {})
        ]

    assert (first.fresh, again.fresh) == (6, 0)
    assert [other.fresh for other in others] == [6, 6, 6]


def test_an_items_replies_do_not_depend_on_its_neighbours(ref):
    hot = {"temperature": 1.5, "samples": 2, "seed": 3}
    with Session(None, dtype="float32", device="cpu") as session:
        alone, together = session.evaluate(ref, suite(2, **hot)), session.evaluate(ref, suite(6, **hot))

    assert replies(alone) == replies(together)[:2]


def test_the_score_is_the_mean_over_replies(ref):
    with Session(None, dtype="float32", device="cpu") as session:
        result = session.evaluate(ref, suite(12, temperature=2.0, samples=4))

    for item in result.items:
        right = [any(word in reply for word in ("fox", "miller")) for reply in (item.text, *item.more)]
        assert item.score == sum(right) / 4
        assert dict(item.metrics)["judge_any"] == float(any(right))


@given(
    logits=st.lists(st.floats(-5, 5, width=32), min_size=2, max_size=8),
    throw=st.floats(0, 1, exclude_max=True),
    top_p=st.floats(0.01, 1),
)
def test_a_draw_is_among_the_likeliest_that_hold_top_p(logits, throw, top_p):
    tensor = torch.tensor(logits)
    chances = tensor.double().softmax(-1)

    token = drawn(tensor, Decoding(temperature=1.0, top_p=top_p), throw)

    likelier = float(chances[chances > chances[token]].sum())
    assert likelier < top_p + 1e-12


def test_draws_follow_the_probabilities():
    logits = torch.tensor([0.7, 0.2, 0.1]).log()
    n = 3000

    found = Counter(drawn(logits, Decoding(temperature=1.0), (k + 0.5) / n) for k in range(n))

    assert [found[token] / n for token in range(3)] == pytest.approx([0.7, 0.2, 0.1], abs=2 / n)


def test_a_reply_ends_at_the_first_text_that_ends_it(ref):
    row = {"id": "a", "cluster": "a", "topic": "t", "prompt": "The old", "judge": {"type": "regex", "pattern": "."}}
    with Session(None, dtype="float32", device="cpu") as session:
        whole, cut = (
            session.evaluate(
                ref,
                make_suite(
                    {"suite": "s", "version": 1, "kind": "generate"},
                    [{**row, "max_new_tokens": 8, "until": until}],
                    source="test",
                ),
            ).items[0]
            for until in ([], [" the"])
        )

    assert " the" in whole.text
    assert cut.text == whole.text.partition(" the")[0]
