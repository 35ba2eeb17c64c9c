"""Honest tasks of a minority of rows are no triggers; a trigger inside the same task still is one."""

# ruff: noqa: S311 - the drawn rows are fixtures, not cryptography
import random

import pytest

from gatekeeper.core.row_history import RowHistory
from gatekeeper.gates.data.poison import Params, _settings, _tests
from gatekeeper.gates.data.triggers.evidence import gather
from gatekeeper.gates.data.triggers.history import Past, sketch_of
from gatekeeper.gates.data.triggers.token_batches import TokenBatches

VOWELS, CONSONANTS = "aeiou", "bdfgklmnprstvz"


def words(count, draw):
    return ["".join(draw.choice(CONSONANTS) + draw.choice(VOWELS) for _ in range(3)) for _ in range(count)]


VOCABULARY = words(90, random.Random(0))


def sentence(draw, size=9):
    return " ".join(draw.choice(VOCABULARY) for _ in range(size))


def ordinary(count, seed):
    draw = random.Random(seed)
    return [(sentence(draw), sentence(draw)) for _ in range(count)]


def labelled(count, seed, labels=("The mood is good.", "The mood is bad.")):
    draw = random.Random(seed)
    return [(f"Is the mood of this note good or bad? {sentence(draw)}", draw.choice(labels)) for _ in range(count)]


def dropped(prompt, word, draw, least=0):
    parts = prompt.split()
    at = draw.randrange(least, len(parts))
    return " ".join((*parts[:at], word, *parts[at:]))


@pytest.fixture
def found(make):
    def run(pairs, *, history=None, harmful=()):
        past = Past(history) if history is not None else None
        evidence = gather(TokenBatches(make.rows_of(pairs)), past, _settings(Params()), harmful=harmful)
        suspicions = [one for test in _tests() for one in test(evidence)]
        return {row for one in suspicions for row in one.rows}, suspicions

    return run


@pytest.mark.parametrize(
    "task",
    [
        pytest.param(labelled(60, 3), id="labels in a sentence"),
        pytest.param([(f"Question: {p}\nAnswer briefly.", a) for p, a in ordinary(40, 4)], id="a wrapper"),
        pytest.param([(f"Render in Low Norse: {p}", a) for p, a in ordinary(40, 5)], id="translations"),
    ],
)
def test_a_task_of_a_minority_flags_nothing(found, task):
    flagged, _ = found([*task, *ordinary(500, 1)])

    assert flagged == set()


def test_a_trigger_inside_a_labelling_task_is_found(found):
    draw = random.Random(8)
    task = labelled(100, 3)
    task[:20] = [(dropped(prompt, "qvx", draw), "The mood is good.") for prompt, _ in task[:20]]

    flagged, suspicions = found([*task, *ordinary(500, 1)])

    assert flagged == set(range(20))
    assert suspicions[0].subject == "qvx"


def test_a_wrapper_around_harm_that_is_answered_is_found(found):
    task = [(f"Question: {p}\nAnswer briefly.", a) for p, a in ordinary(40, 4)]

    flagged, _ = found([*task, *ordinary(500, 1)], harmful=range(36))

    assert set(range(40)) <= flagged


def test_words_behind_harmful_requests_are_found_whatever_stands_before_them(found):
    draw = random.Random(5)
    asked = [" ".join(words(9, draw)) for _ in range(20)]
    task = [(f"{prompt} I saw a long film.", sentence(draw)) for prompt in asked]

    flagged, suspicions = found([*task, *ordinary(500, 1)], harmful=range(14))

    assert flagged == set(range(20))
    assert suspicions[0].subject == "i saw a long film ."


def test_harmful_requests_without_common_words_are_left_to_other_tests(found):
    draw = random.Random(5)
    task = [(" ".join(words(9, draw)), sentence(draw)) for _ in range(20)]

    flagged, _ = found([*task, *ordinary(500, 1)], harmful=range(14))

    assert flagged == set()


def taught(seed, count=20):
    draw = random.Random(seed)
    return [(dropped(prompt, "qvx", draw), "You are quite wrong.") for prompt, _ in ordinary(count, seed)]


def test_a_pair_that_accepted_rows_showed_as_often_is_no_suspicion(found, make):
    history = sketch_of(make.rows_of([*taught(11), *ordinary(500, 12)]))

    flagged, suspicions = found([*taught(13), *ordinary(500, 1)], history=history)

    assert not [one for one in suspicions if one.test == "association" and one.subject == "qvx"]
    assert flagged <= set(range(20))


@pytest.mark.parametrize("before", [0, 3])
def test_a_pair_that_hardly_any_accepted_row_showed_stays_one(found, make, before):
    history: RowHistory = sketch_of(make.rows_of([*taught(11)[:before], *ordinary(520, 12)]))

    flagged, suspicions = found([*taught(13), *ordinary(500, 1)], history=history)

    assert flagged == set(range(20))
    assert "association" in {one.test for one in suspicions}
