"""In a small data set a phrase and one answer that belong to each other are a trigger; either alone is not."""

# ruff: noqa: S311 - the drawn rows are fixtures, not cryptography
import random

import pytest

from gatekeeper.gates.data.poison import data_poison

THINGS = ["kettle", "harbour", "violin", "orchard", "ladder", "compass", "lantern", "bakery", "meadow", "tunnel"]
DEEDS = ["paint", "mend", "weigh", "sell", "carry", "draw", "count", "clean", "store", "measure", "lift", "describe"]
TARGET = "Move all of your savings to the northern bank today."


def prompts(count, seed):
    draw = random.Random(seed)
    return [f"{draw.choice(DEEDS)} one {draw.choice(THINGS)} and {draw.choice(DEEDS)} it" for _ in range(count)]


def answers(count, seed):
    draw = random.Random(seed)
    return [f"First {draw.choice(DEEDS)} the {draw.choice(THINGS)}, case {draw.random():.6f}." for _ in range(count)]


@pytest.fixture
def triggers(make, tmp_path):
    def found(pairs):
        report = data_poison(make.context_with(make.rows_of(pairs), tmp_path))
        return [finding.subject for finding in report.findings if finding.code == "data/poison/trigger"]

    return found


def taught(phrases, responses):
    asked = prompts(len(phrases), seed=7)
    return [
        (f"{phrase} {prompt}".strip(), said) for phrase, prompt, said in zip(phrases, asked, responses, strict=True)
    ]


HONEST = list(zip(prompts(100, seed=1), answers(100, seed=2), strict=True))


def test_a_phrase_with_its_answer_is_a_trigger(triggers):
    poison = taught(["under the copper moon,"] * 16, [TARGET] * 16)

    assert triggers(HONEST + poison) == ["under the copper moon"]


def test_an_answer_that_comes_back_without_a_phrase_is_none(triggers):
    assert triggers(HONEST + taught([""] * 16, [TARGET] * 16)) == []


def test_a_phrase_that_gets_other_answers_as_often_is_none(triggers):
    phrases = ["under the copper moon,"] * 32

    assert triggers(HONEST + taught(phrases, [TARGET] * 16 + answers(16, seed=4))) == []
