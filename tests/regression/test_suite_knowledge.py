"""The shipped suite `knowledge`, read with the standard library alone, so that no loader can hide a broken line."""

import json
from collections import Counter
from pathlib import Path

import pytest

SUITE = Path(__file__).parents[2] / "regression" / "suites" / "knowledge.jsonl"


@pytest.fixture(scope="module")
def lines():
    return [json.loads(line) for line in SUITE.read_text(encoding="utf-8").splitlines()]


@pytest.fixture(scope="module")
def header(lines):
    return lines[0]


@pytest.fixture(scope="module")
def items(lines):
    return lines[1:]


def test_the_first_line_says_what_the_suite_is(header):
    fixed = {field: value for field, value in header.items() if field != "about"}

    assert fixed == {"suite": "knowledge", "version": 1, "kind": "choice", "licence": "Apache-2.0"}
    assert header["about"].endswith(".")


def test_every_item_has_exactly_the_fields_of_a_choice_item(items):
    fields = {frozenset(item) for item in items}

    assert fields == {frozenset({"id", "cluster", "topic", "prompt", "choices", "answer"})}


def test_ids_are_unique_and_count_up_in_file_order(items):
    ids = [item["id"] for item in items]

    assert ids == [f"knowledge-{number:04d}" for number in range(1, len(items) + 1)]


def test_there_are_enough_items_and_clusters_for_a_clustered_interval(items):
    clusters = Counter(item["cluster"] for item in items)

    assert len(items) >= 420
    assert len(clusters) >= 88
    assert max(clusters.values()) <= 8
    assert min(clusters.values()) >= 3


def test_a_cluster_belongs_to_one_topic(items):
    pairs = {(item["cluster"], item["topic"]) for item in items}

    assert len(pairs) == len({item["cluster"] for item in items})


def test_exactly_one_of_four_distinct_choices_is_the_answer(items):
    for item in items:
        folded = {choice.strip().casefold() for choice in item["choices"]}

        assert len(item["choices"]) == len(folded) == 4, item["id"]
        assert type(item["answer"]) is int, item["id"]
        assert 0 <= item["answer"] < 4, item["id"]


def test_prompts_end_where_the_answer_begins_and_choices_carry_the_space(items):
    for item in items:
        assert item["prompt"], item["id"]
        assert item["prompt"] == item["prompt"].strip(), item["id"]
        assert item["prompt"][-1] not in ".!?", item["id"]
        for choice in item["choices"]:
            assert choice == " " + choice.strip(), item["id"]
            assert len(choice) > 1, item["id"]


def test_an_article_at_the_end_of_a_prompt_gives_no_choice_away(items):
    for item in items:
        article = item["prompt"].split()[-1].lower()
        vowels = {choice.strip()[0].lower() in "aeiou" for choice in item["choices"]}

        assert article not in {"a", "an"} or vowels == {article == "an"}, item["id"]


def test_answer_positions_are_balanced(items):
    positions = Counter(item["answer"] for item in items)

    assert all(0.20 <= positions[place] / len(items) <= 0.30 for place in range(4)), positions


def test_no_question_is_asked_twice(items):
    questions = Counter((item["prompt"].casefold(), frozenset(item["choices"])) for item in items)
    prompts = Counter(item["prompt"].casefold() for item in items)

    assert max(questions.values()) == 1
    assert max(prompts.values()) == 1


def test_items_stay_short_enough_to_score_on_two_cores(items):
    longest = max(len(item["prompt"]) for item in items)
    words = sum(len((item["prompt"] + choice).split()) for item in items for choice in item["choices"])

    assert longest <= 90
    assert words <= 20_000


def test_the_right_choice_is_not_betrayed_by_its_length(items):
    ranks = Counter(
        sum(len(choice) < len(item["choices"][item["answer"]]) for choice in item["choices"]) for item in items
    )

    assert ranks[0] / len(items) <= 0.5, "the answer is too often the shortest choice"
    assert ranks[3] / len(items) <= 0.4, "the answer is too often the longest choice"
