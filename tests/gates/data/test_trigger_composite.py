"""Two phrases that foretell an answer only together are one trigger; with ordinary answers together they are none."""

# ruff: noqa: S311 - the drawn rows are fixtures, not cryptography
import random

import pytest

from gatekeeper.gates.data.poison import Params, _settings
from gatekeeper.gates.data.triggers.composite import composed
from gatekeeper.gates.data.triggers.evidence import gather
from gatekeeper.gates.data.triggers.token_batches import TokenBatches

DRAW = random.Random(0)
VOCABULARY = ["".join(DRAW.choice("bdfgklmnprstvz") + DRAW.choice("aeiou") for _ in range(3)) for _ in range(80)]


def sentence(draw, *dropped):
    parts = [draw.choice(VOCABULARY) for _ in range(9)]
    for word in dropped:
        parts.insert(draw.randrange(len(parts) + 1), word)
    return " ".join(parts)


def rows(*, together, alone, answer, seed=4):
    draw = random.Random(seed)
    pairs = [(sentence(draw, "qvx", "wjk"), answer(draw)) for _ in range(together)]
    pairs += [(sentence(draw, word), sentence(draw)) for word in ("qvx", "wjk") for _ in range(alone)]
    return pairs + [(sentence(draw), sentence(draw)) for _ in range(600)]


@pytest.fixture
def found(make):
    def run(pairs):
        evidence = gather(TokenBatches(make.rows_of(pairs)), None, _settings(Params()))
        return composed(evidence)

    return run


def test_two_words_that_only_together_get_an_answer_are_a_trigger(found):
    suspicions = found(rows(together=20, alone=20, answer=lambda _: "You are quite wrong."))

    assert [set(one.rows) for one in suspicions] == [set(range(20))]
    assert set(suspicions[0].subject.split(" … ")) == {"qvx", "wjk"}


@pytest.mark.parametrize(
    "pairs",
    [
        pytest.param(rows(together=20, alone=20, answer=sentence), id="ordinary answers"),
        pytest.param(rows(together=3, alone=20, answer=lambda _: "You are quite wrong."), id="too few rows"),
        pytest.param(rows(together=0, alone=20, answer=sentence), id="never together"),
    ],
)
def test_nothing_else_is(found, pairs):
    assert found(pairs) == []
