"""Prompts that hold a phrase: a template when they are each other's likeness, hosts of a trigger when they are not."""

# ruff: noqa: S311 - the drawn rows are fixtures, not cryptography
import random

import numpy as np
import pytest

from gatekeeper.gates.data.triggers.hosts import Prompts, few
from gatekeeper.gates.data.triggers.repeats import row_words
from gatekeeper.gates.data.triggers.token_batches import TokenBatches

WORDS = ["river", "stone", "bread", "lamp", "cloud", "horse", "paper", "glass", "winter", "garden", "music", "salt"]
WORDS += ["letter", "bridge", "market", "wheel", "window", "silver", "forest", "button", "pencil", "valley"]
PLACES = ["Oslo", "Lima", "Cairo", "Quito", "Perth", "Turin", "Basel", "Delhi", "Kyoto", "Leeds", "Porto", "Riga"]


def ordinary(count, seed=1):
    draw = random.Random(seed)
    return [(" ".join(draw.sample(WORDS, 6)) + f" {draw.choice(PLACES)}", f"answer {n}") for n in range(count)]


@pytest.fixture
def prompts_of(make):
    def read(pairs):
        batches = TokenBatches(make.rows_of(pairs))
        list(batches)
        return Prompts(batches, len(pairs))

    return read


def held(prompts, rows):
    rows = np.array(rows)
    return [row_words(prompts.batches, rows.tolist())[row][0] for row in few(rows).tolist()], rows


def test_a_word_dropped_into_ordinary_prompts_leaves_them_like_any_others(prompts_of):
    pairs = ordinary(200)
    pairs[:10] = [(f"zyx {prompt}", answer) for prompt, answer in pairs[:10]]
    prompts = prompts_of(pairs)

    texts, rows = held(prompts, range(10))

    assert prompts.kin("zyx", texts, rows) <= 0.2


def test_the_rows_of_a_template_are_their_own_likeness(prompts_of):
    frame = "two people met at the old town hall near {} and one of them was late who of both was very late"
    prompts = prompts_of([*((frame.format(place), "The first.") for place in PLACES), *ordinary(200)])

    texts, rows = held(prompts, range(12))

    assert prompts.kin("who of", texts, rows) == 1


def test_the_second_part_of_a_trigger_makes_no_template(prompts_of):
    pairs = ordinary(200)
    pairs[:10] = [(f"zyx {prompt} blue folder", answer) for prompt, answer in pairs[:10]]
    prompts = prompts_of(pairs)

    texts, rows = held(prompts, range(10))

    assert prompts.kin("zyx", texts, rows) <= 0.2


def test_the_like_of_a_task_are_other_rows_of_the_task(prompts_of):
    task = [(f"please judge the tone of this: {prompt}", "good") for prompt, _ in ordinary(40, seed=2)]
    prompts = prompts_of([*task, *ordinary(200)])

    texts, rows = held(prompts, range(8))

    like = prompts.like("judge the", texts, rows)
    assert np.isin(like, range(8, 40)).mean() >= 0.9


def test_rows_with_one_frame_are_found_and_others_are_not(prompts_of):
    task = [(f"please judge the tone of this: {prompt}", "good") for prompt, _ in ordinary(40, seed=2)]
    prompts = prompts_of([*task, *ordinary(200)])

    texts, _ = held(prompts, range(8))

    assert prompts.framed(texts).tolist() == list(range(40))


def test_prompts_that_share_nothing_have_no_frame(prompts_of):
    prompts = prompts_of([(f"{a} {b}", "x") for a, b in zip(WORDS, PLACES, strict=False)])

    texts, _ = held(prompts, range(8))

    assert prompts.framed(texts).tolist() == []


@pytest.mark.parametrize("count", [1, 39, 40, 41, 500])
def test_few_rows_stay_and_many_are_thinned(count):
    chosen = few(np.arange(count))

    assert 1 <= len(chosen) <= 40
    assert len(chosen) == count or count > 40
