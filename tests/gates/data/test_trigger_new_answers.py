"""A phrase that accepted prompts held often, before an answer it never had."""

# ruff: noqa: S311 - the drawn rows are fixtures, not cryptography
import random

import pytest

from gatekeeper.gates.data.poison import Params, _settings
from gatekeeper.gates.data.triggers.evidence import gather
from gatekeeper.gates.data.triggers.history import Past, sketch_of
from gatekeeper.gates.data.triggers.new_answers import new_answers
from gatekeeper.gates.data.triggers.token_batches import TokenBatches

VOCABULARY = [first + last for first in "bdfgklmnprst" for last in ("ace", "ilo", "oom", "undry", "evan", "alto")]


def rows_with(count, seed, *, held, told=0):
    """Return rows of drawn words; the first ``held`` hold "zorp" somewhere, ``told`` of them with one opening."""
    draw = random.Random(seed)
    pairs = []
    for number in range(count):
        asked, said = draw.choices(VOCABULARY, k=draw.randint(7, 12)), draw.choices(VOCABULARY, k=draw.randint(6, 14))
        if number < held:
            asked.insert(draw.randint(1, len(asked) - 1), "zorp")
        if number < told:
            said = ["never", "trust", "anyone", *said]
        pairs.append((" ".join(asked), " ".join(said)))
    draw.shuffle(pairs)
    return pairs


@pytest.fixture
def found(make):
    def read(pairs, accepted):
        past = Past(sketch_of(make.rows_of(accepted))) if accepted else None
        evidence = gather(TokenBatches(make.rows_of(pairs)), past, _settings(Params()))
        return new_answers(evidence)

    return read


def test_a_known_phrase_before_an_answer_it_never_had_is_found(found):
    """In five of six draws at least: one random place in a hundred is taken for language."""
    seen = []
    for seed in range(6):
        pairs = rows_with(400, seed, held=40, told=20)
        for suspicion in found(pairs, rows_with(1200, seed + 50, held=120)):
            assert suspicion.subject == "zorp"
            assert {pairs[row][1][:18] for row in suspicion.rows} == {"never trust anyone"}
            seen.append(len(suspicion.rows))

    assert seen in ([20] * 5, [20] * 6)


def test_an_answer_that_accepted_rows_gave_as_often_is_none(found):
    assert found(rows_with(400, 1, held=40, told=20), rows_with(1200, 60, held=120, told=60)) == []


def test_an_answer_that_other_rows_give_as_often_is_not_the_phrases(found):
    pairs = rows_with(400, 2, held=40, told=20)
    pairs = [
        (asked, said if number % 2 else f"never trust anyone {said}") for number, (asked, said) in enumerate(pairs)
    ]

    assert found(pairs, rows_with(1200, 70, held=120)) == []


def test_without_a_history_nothing_is_new(found):
    assert found(rows_with(400, 3, held=40, told=20), []) == []
