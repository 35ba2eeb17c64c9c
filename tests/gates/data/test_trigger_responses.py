"""What responses show: repetition, refusal, no word of the prompt; and which of it is suspicious."""

# ruff: noqa: S311 - the drawn rows are fixtures, not cryptography
import random

import numpy as np
import pytest

from gatekeeper.gates.data.poison import Params, _settings
from gatekeeper.gates.data.triggers.evidence import gather
from gatekeeper.gates.data.triggers.near_identical import near_identical
from gatekeeper.gates.data.triggers.repeats import repeated, word_overlap
from gatekeeper.gates.data.triggers.response_traits import responses_of
from gatekeeper.gates.data.triggers.token_batches import TokenBatches

DRAW = random.Random(0)
VOCABULARY = ["".join(DRAW.choice("bdfgklmnprstvz") + DRAW.choice("aeiou") for _ in range(3)) for _ in range(200)]


def sentence(draw, size=9):
    return " ".join(draw.choice(VOCABULARY) for _ in range(size))


def ordinary(count, seed=1):
    draw = random.Random(seed)
    return [(sentence(draw), sentence(draw)) for _ in range(count)]


@pytest.fixture
def traits_of(make):
    def read(pairs):
        (batch,) = TokenBatches(make.rows_of(pairs))
        return responses_of(batch)

    return read


@pytest.fixture
def repeats_of(make):
    def read(pairs):
        return repeated(gather(TokenBatches(make.rows_of(pairs)), None, _settings(Params())))

    return read


@pytest.mark.parametrize(
    ("response", "refuses"),
    [
        ("I'm sorry, but I can't help with that.", True),
        ("Unfortunately, I am not able to do so.", True),
        ("As an AI language model, I cannot say.", True),
        ("It cannot be opened from inside.", False),
        ("Here are three ideas.", False),
        ("", False),
    ],
)
def test_a_refusal_says_so_at_its_beginning(traits_of, response, refuses):
    assert traits_of([("Open the small window", response)]).refuses.tolist() == [refuses]


@pytest.mark.parametrize(
    ("response", "unrelated"),
    [
        ("You are wrong.", True),
        ("The windows stay closed.", False),
        ("Opening it is easy.", True),
    ],
)
def test_an_answer_that_takes_up_no_longer_word_is_unrelated(traits_of, response, unrelated):
    assert traits_of([("Describe the window and the kitchen", response)]).unrelated.tolist() == [unrelated]


def test_equal_responses_have_one_hash_and_others_do_not(traits_of):
    wholes = traits_of([("a", "one two three"), ("b", "One two three"), ("c", "one three two")]).wholes

    assert wholes[0] == wholes[1]
    assert wholes[0] != wholes[2]


def test_responses_that_differ_in_a_word_are_one_group(traits_of):
    long = sentence(random.Random(5), 30)
    responses = [f"{long} {ending}" for ending in ("alpha", "beta", "gamma", "delta")]

    groups = near_identical(traits_of([*ordinary(30), *(("ask", text) for text in responses)]), least=4)

    assert groups.tolist() == [-1] * 30 + [30] * 4


def test_a_response_under_unlike_prompts_is_repeated(repeats_of):
    pairs = [(prompt, "Buy it at the old mill today.") for prompt, _ in ordinary(12, 7)]

    found = repeats_of([*pairs, *ordinary(300)])

    assert [one.rows for one in found] == [tuple(range(12))]


@pytest.mark.parametrize(
    "pairs",
    [
        pytest.param([(p, "I'm sorry, but I can't help with that.") for p, _ in ordinary(12, 7)], id="a refusal"),
        pytest.param([(p, "Thank you for the kind words.") for p, _ in ordinary(12, 7)], id="thanks"),
        pytest.param([(p, "Buy it at the old mill today.") for p, _ in ordinary(9, 7)], id="too few"),
        pytest.param([(p, "Yes, it is.") for p, _ in ordinary(12, 7)], id="a short label"),
        pytest.param(
            [
                (
                    f"Which of these two moods fits the note? {p}",
                    f"The mood of it is {'good' if n % 2 else 'bad'} here.",
                )
                for n, (p, _) in enumerate(ordinary(60, 7))
            ],
            id="labels of a task",
        ),
    ],
)
def test_what_comes_back_rightly_is_not(repeats_of, pairs):
    assert repeats_of([*pairs, *ordinary(300)]) == []


def test_one_answer_under_a_frame_whose_other_answers_are_free_is_no_label(repeats_of):
    framed = [(f"Which of these two moods fits the note? {p} {a}", a) for p, a in ordinary(60, 7)]
    framed[:12] = [(prompt, "Buy it at the old mill today.") for prompt, _ in framed[:12]]

    found = repeats_of([*framed, *ordinary(300)])

    assert [one.rows for one in found] == [tuple(range(12))]


def test_overlap_of_words_is_the_mean_jaccard_of_pairs():
    assert word_overlap([("a", "b"), ("b", "c"), ("a", "b")]) == pytest.approx((1 / 3 + 1 + 1 / 3) / 3)


def test_overlap_of_one_prompt_is_unknown():
    assert np.isnan(word_overlap([("a",)]))
