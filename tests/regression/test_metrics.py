"""Metrics follow their definitions, on made-up numbers and on the tiny model."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from regression import ModelError, ModelRef, Session
from regression.cache import Output
from regression.items import ChoiceItem, PhrasesItem
from regression.metrics import log_sum_exp, measure
from regression.models import load_encoder
from regression.suites import Suite, SuiteKind, make_suite

LOGS = st.floats(-60, 0)


def choice_suite(choices, answers=(0,), **more):
    item = ChoiceItem(
        id="a", cluster="a", topic="a", prompt="p", choices=choices, answer=answers[0], answers=answers, digest="d"
    )
    return Suite(name="s", version=1, kind=SuiteKind.CHOICE, items=(item,), digest="d", **more), item


def metrics(suite, item, logs, counts):
    output = Output(numbers=tuple(logs), counts=tuple(counts), greedy=(False,) * len(logs))
    return dict(measure(suite, item, output).metrics)


def test_each_normalisation_can_choose_another_answer():
    suite, item = choice_suite((" ab", " abcdefgh", " äöüß"), answers=(0,))

    found = metrics(suite, item, [-4.0, -8.0, -6.0], [1, 4, 2])

    assert found["acc"] == 1.0
    assert found["acc_norm"] == 0.0  # -4/2, -8/8, -6/4
    assert found["acc_bytes"] == 0.0  # -4/2, -8/8, -6/8
    assert found["acc_tokens"] == 0.0  # -4/1, -8/4, -6/2
    assert (
        metrics(choice_suite(item.choices, (2,))[0], choice_suite(item.choices, (2,))[1], [-4, -8, -6], [1, 4, 2])[
            "acc_bytes"
        ]
        == 1.0
    )


def test_the_delimiter_does_not_count_to_a_choices_length():
    with_space, item = choice_suite((" a", " bbb"), answers=(0,))
    without, same = choice_suite((" a", " bbb"), answers=(0,), delimiter="")

    assert metrics(with_space, item, [-2.0, -5.0], [1, 1])["acc_norm"] == 0.0  # -2/1, -5/3
    assert metrics(without, same, [-2.0, -5.0], [1, 1])["acc_norm"] == 1.0  # -2/2, -5/4


@given(logs=st.lists(LOGS, min_size=3, max_size=6))
def test_the_mass_of_several_right_answers_is_what_the_harness_computes(logs):
    choices = tuple(f" {n}" for n in range(len(logs)))
    suite, item = choice_suite(choices, answers=(0, 2))

    probabilities = np.exp(np.array(logs))
    wanted = (probabilities / probabilities.sum())[[0, 2]].sum()

    assert metrics(suite, item, logs, [1] * len(logs))["mc2"] == pytest.approx(wanted, abs=1e-12)


@given(logs=st.lists(LOGS, max_size=6))
def test_log_sum_exp_agrees_with_the_sum_itself(logs):
    whole = sum(map(math.exp, logs))

    assert log_sum_exp(logs) == (pytest.approx(math.log(whole), abs=1e-9) if logs else -math.inf)


@pytest.fixture(scope="module")
def tiny(tiny_world):
    """A session, the tiny base, its vocabulary's words, and its next-token distributions by brute force."""
    import torch
    from transformers import AutoModelForCausalLM

    ref = ModelRef(base=tiny_world.base)
    encoder = load_encoder(ref)
    model = AutoModelForCausalLM.from_pretrained(tiny_world.base, dtype=torch.float32).eval()

    def chance(prompt, phrase):
        """Probability of going on with the phrase's tokens, one forward pass a token."""
        ids, product = [*encoder.prefix, *encoder.ids(prompt)], 1.0
        for token in encoder.ids(phrase):
            with torch.inference_mode():
                product *= float(model(torch.tensor([ids])).logits[0, -1].double().softmax(-1)[token])
            ids.append(token)
        return product

    with Session(None, dtype="float32", device="cpu") as session:
        yield session, ref, chance


def phrases(**fields):
    row = {"id": "a", "cluster": "a", "topic": "a", "prompt": "The old", **fields}
    return make_suite({"suite": "s", "version": 1, "kind": "phrases", "metric": "margin"}, [row], source="test")


def test_a_margin_is_the_log_odds_of_the_two_sets(tiny):
    session, ref, chance = tiny
    wanted, unwanted = [" miller", " fox follows the"], [" weaver watches", " lantern", " river"]

    found = session.evaluate(ref, phrases(wanted=wanted, unwanted=unwanted)).items[0].score

    brute = math.log(sum(chance("The old", p) for p in wanted) / sum(chance("The old", p) for p in unwanted))
    assert found == pytest.approx(brute, abs=1e-4)


@pytest.mark.parametrize("order", itertools.permutations([" fox", " fox follows", " fox follows the"]))
def test_a_phrase_that_begins_with_another_of_its_set_is_not_counted_twice(tiny, order):
    session, ref, chance = tiny

    found = session.evaluate(ref, phrases(wanted=list(order), unwanted=[" miller"])).items[0].score

    assert found == pytest.approx(math.log(chance("The old", " fox") / chance("The old", " miller")), abs=1e-4)


def test_a_phrase_that_would_count_on_both_sides_is_refused_by_name(tiny):
    session, ref, _ = tiny

    with pytest.raises(ModelError, match=r"' fox follows' of item 'a' begins with ' fox' of the other set"):
        session.evaluate(ref, phrases(wanted=[" fox"], unwanted=[" fox follows"]))


def test_share_and_preference_follow_from_the_margin():
    item = PhrasesItem(id="a", cluster="a", topic="a", prompt="p", wanted=(" x",), unwanted=(" y",), digest="d")
    suite = Suite(name="s", version=1, kind=SuiteKind.PHRASES, items=(item,), digest="d")

    found = metrics(suite, item, [math.log(0.3), math.log(0.1)], [1, 1])

    assert found["share"] == pytest.approx(0.75)
    assert found["preferred"] == 1.0


def test_an_item_longer_than_the_context_is_named(tiny, tiny_world):
    session, ref, _ = tiny
    row = {"id": "long", "cluster": "a", "topic": "a", "prompt": "The old fox " * 100, "target": " follows"}
    suite = make_suite({"suite": "s", "version": 1, "kind": "cloze"}, [row], source="test")

    with pytest.raises(ModelError, match=r"item 'long' needs 301 tokens, the model reads at most 256"):
        session.evaluate(ref, suite)
