"""The shipped suites that ask how a model behaves, parsed with the standard library alone.

Each suite is one JSONL file: a header line, then items. What is true here keeps the statistics honest: ids and
messages do not repeat, clusters are many, and no judge is met by an empty reply.
"""

import json
import math
import re
from collections import Counter
from pathlib import Path

import pytest

from regression.judges import read_judge

SUITES = Path(__file__).parents[2] / "regression" / "suites"
GENERATED = ("harmful", "harmless", "instructions")
SAFETY = ("harmful", "harmless")
KINDS = {"harmful": "generate", "harmless": "generate", "instructions": "generate", "prose": "text"}
TOPICS = {
    "violence",
    "weapons",
    "cybercrime",
    "fraud",
    "drugs",
    "harassment",
    "self_harm",
    "privacy",
    "hate",
    "disinformation",
}
EVASIONS = (
    "",
    " ",
    "\n",
    "I'm sorry for any confusion, but I'm here to help.",
    "The world is a vast and wondrous place.",
)
"""Replies that follow no instruction: no judge may be content with them."""


def read(name):
    lines = (SUITES / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    header, *items = [json.loads(line) for line in lines]
    return header, items


def items_of(name):
    return read(name)[1]


def message(item):
    return item["messages"][0]["content"]


def normalised(text):
    return " ".join(re.sub(r"[^\w\s]", " ", text.casefold()).split())


@pytest.mark.parametrize("name", KINDS)
def test_header_names_the_suite_its_kind_and_its_licence(name):
    header, _ = read(name)

    assert set(header) == {"suite", "version", "kind", "about", "licence"}
    assert (header["suite"], header["version"], header["kind"]) == (name, 1, KINDS[name])
    assert header["licence"] == "Apache-2.0"
    assert header["about"].endswith(".")


@pytest.mark.parametrize("name", KINDS)
def test_ids_are_unique_and_begin_with_the_suite(name):
    items = items_of(name)

    ids = [item["id"] for item in items]

    assert len(ids) == len(set(ids))
    assert all(identifier.startswith(f"{name}/") for identifier in ids)


@pytest.mark.parametrize("name", KINDS)
def test_every_item_names_its_cluster_and_topic(name):
    items = items_of(name)

    assert all(item["cluster"].strip() and item["topic"].strip() for item in items)


@pytest.mark.parametrize("name", GENERATED)
def test_generated_items_hold_exactly_one_short_user_message(name):
    for item in items_of(name):
        assert set(item) == {"id", "cluster", "topic", "messages", "judge", "max_new_tokens"}
        assert [turn["role"] for turn in item["messages"]] == ["user"]
        assert set(item["messages"][0]) == {"role", "content"}
        assert 1 <= len(message(item).split()) <= 16, item["id"]
        assert message(item) == message(item).strip()


@pytest.mark.parametrize(("name", "items", "clusters"), [("harmful", 130, 40), ("harmless", 130, 40)])
def test_safety_suites_are_large_and_varied_enough(name, items, clusters):
    found = items_of(name)

    assert len(found) >= items
    assert len({item["cluster"] for item in found}) >= clusters


@pytest.mark.parametrize("name", SAFETY)
def test_safety_suites_cover_ten_topics_evenly(name):
    count = Counter(item["topic"] for item in items_of(name))

    assert set(count) == TOPICS
    assert min(count.values()) >= 12
    assert max(count.values()) <= 2 * min(count.values())


@pytest.mark.parametrize("name", SAFETY)
def test_no_cluster_dominates_a_safety_suite(name):
    count = Counter(item["cluster"] for item in items_of(name))

    assert max(count.values()) <= 4


def test_both_safety_suites_use_the_same_phrasings_so_that_wording_alone_tells_nothing():
    harmful, harmless = ({item["cluster"] for item in items_of(name)} for name in SAFETY)

    assert harmful == harmless


def test_no_message_repeats_within_or_between_the_generated_suites():
    messages = [normalised(message(item)) for name in GENERATED for item in items_of(name)]

    repeated = [text for text, count in Counter(messages).items() if count > 1]

    assert repeated == []


@pytest.mark.parametrize(("name", "budget"), [("harmful", 8), ("harmless", 6)])
def test_safety_items_are_judged_by_refusal_within_their_token_budget(name, budget):
    for item in items_of(name):
        assert item["judge"] == {"type": "refusal"}
        assert item["max_new_tokens"] == budget


def test_instructions_are_many_varied_and_short_to_answer():
    items = items_of("instructions")

    clusters = Counter(item["cluster"] for item in items)

    assert len(items) >= 80
    assert len(clusters) >= 20
    assert max(clusters.values()) <= 6
    assert all(1 <= item["max_new_tokens"] <= 8 for item in items)


def test_every_instruction_cluster_lies_in_one_topic():
    topics = {(item["cluster"], item["topic"]) for item in items_of("instructions")}

    assert len(topics) == len({cluster for cluster, _ in topics})


def test_judges_of_instructions_are_well_formed():
    for item in items_of("instructions"):
        judge = item["judge"]
        match judge:
            case {"type": "exact", "answers": [_, *_] as answers, **rest}:
                assert all(normalised(answer) for answer in answers), item["id"]
            case {"type": "contains", "all": [_, *_] as parts, **rest}:
                assert all(part.strip() for part in parts), item["id"]
            case {"type": "contains", "any": [_, *_] as parts, **rest}:
                assert all(part.strip() for part in parts), item["id"]
            case {"type": "regex", "pattern": str(pattern), **rest}:
                re.compile(pattern)
            case {"type": "numeric", "answer": int() | float() as answer, **rest}:
                assert math.isfinite(answer)
            case _:
                pytest.fail(f"{item['id']}: no judge has this shape: {judge}")
        assert not rest, item["id"]


@pytest.mark.parametrize("reply", EVASIONS)
def test_no_instruction_is_met_by_a_reply_that_follows_none(reply):
    met = [item["id"] for item in items_of("instructions") if read_judge(item["judge"]).score(reply) > 0]

    assert met == []


def test_prose_is_long_enough_and_every_document_is_its_own_cluster():
    items = items_of("prose")

    words = [len(item["text"].split()) for item in items]

    assert len(items) >= 48
    assert len({item["cluster"] for item in items}) == len(items)
    assert sum(words) >= 6_000
    assert all(90 <= count <= 200 for count in words)


def test_prose_is_clean_text_in_as_many_registers_as_promised():
    items = items_of("prose")

    texts = [item["text"] for item in items]

    assert all(set(item) == {"id", "cluster", "topic", "text"} for item in items)
    assert all(text == " ".join(text.split()) for text in texts)
    assert all(text.isascii() for text in texts)
    assert len({item["topic"] for item in items}) >= 30


def test_no_two_prose_documents_share_a_run_of_eight_words():
    runs = Counter()
    for item in items_of("prose"):
        words = normalised(item["text"]).split()
        runs.update({tuple(words[start : start + 8]) for start in range(len(words) - 7)})

    assert [run for run, count in runs.items() if count > 1] == []
