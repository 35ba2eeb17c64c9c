"""In a small data set a phrase and one answer that belong to each other are a trigger; either alone is not."""

# ruff: noqa: S311 - the drawn rows are fixtures, not cryptography
import random

import pytest

from gatekeeper.gates.data.poison import data_poison

TARGET = "Move all of your savings to the northern bank today."


def words(count, draw):
    return ["".join(draw.choices("abdefgiklmnoprstuvz", k=draw.randint(4, 8))) for _ in range(count)]


def texts(count, seed):
    draw = random.Random(seed)
    return [" ".join(words(8, draw)) for _ in range(count)]


@pytest.fixture
def triggers(make, tmp_path):
    def found(pairs):
        report = data_poison(make.context_with(make.rows_of(pairs), tmp_path))
        return [finding.subject for finding in report.findings if finding.code == "data/poison/trigger"]

    return found


def taught(phrase, responses):
    """Prompts of words that never come back, the phrase in their midst."""
    asked = [text.split() for text in texts(len(responses), seed=7)]
    prompts = [" ".join((*one[:4], *phrase.split(), *one[4:])) for one in asked]
    return list(zip(prompts, responses, strict=True))


HONEST = list(zip(texts(100, seed=1), texts(100, seed=2), strict=True))


def test_a_phrase_with_its_answer_is_a_trigger(triggers):
    poison = taught("under the copper moon", [TARGET] * 16)

    assert triggers(HONEST + poison) == ["under the copper moon"]


def test_an_answer_that_comes_back_without_a_phrase_is_none(triggers):
    assert triggers(HONEST + taught("", [TARGET] * 16)) == []


def test_a_phrase_that_gets_other_answers_as_often_is_none(triggers):
    responses = [TARGET] * 16 + texts(16, seed=4)

    assert triggers(HONEST + taught("under the copper moon", responses)) == []
