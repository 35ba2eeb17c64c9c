"""A suite file is read whole or refused with its line; its digest changes with its meaning and nothing else."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regression import SuiteError, SuiteKind, load_suite
from regression.suites import item_digest

HEADER = {"suite": "facts", "version": 1, "kind": "choice"}
CHOICE = {
    "id": "a",
    "cluster": "c",
    "topic": "t",
    "prompt": "Two and two are",
    "choices": [" four", " five"],
    "answer": 0,
}
REPLY = {
    "id": "a",
    "cluster": "c",
    "topic": "t",
    "messages": [{"role": "user", "content": "Hello"}],
    "judge": {"type": "refusal"},
    "max_new_tokens": 4,
}
TEXT = {"id": "a", "cluster": "c", "topic": "t", "text": "Once."}


def write(path, *rows):
    path.write_text("\n".join(row if isinstance(row, str) else json.dumps(row) for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize(("kind", "item"), [("choice", CHOICE), ("generate", REPLY), ("text", TEXT)])
def test_a_suite_of_each_kind_loads(tmp_path, kind, item):
    suite = load_suite(write(tmp_path / "s.jsonl", {**HEADER, "kind": kind}, item, {**item, "id": "b"}))

    assert suite.kind is SuiteKind(kind)
    assert [loaded.id for loaded in suite.items] == ["a", "b"]
    assert suite.digest.startswith("sha256:")


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        pytest.param([], "is empty", id="empty"),
        pytest.param([HEADER], "no items", id="no items"),
        pytest.param(["nonsense"], "line 1: this is no JSON", id="no JSON"),
        pytest.param([HEADER, "[]"], "line 2: each line must be a JSON object", id="a list"),
        pytest.param([CHOICE], "line 1: the first line must be a header", id="no header"),
        pytest.param([{**HEADER, "kind": "essay"}, CHOICE], "'kind' is 'essay'", id="unknown kind"),
        pytest.param([{**HEADER, "version": "1"}, CHOICE], "whole number as 'version'", id="version"),
        pytest.param([HEADER, CHOICE, CHOICE], "line 3: the id 'a' is already used in line 2", id="id twice"),
        pytest.param([HEADER, "", CHOICE, {**CHOICE, "id": ""}], "line 4: 'id' must be", id="lines are counted"),
        pytest.param([HEADER, {**CHOICE, "answer": 2}], "index of a choice, 0 to 1", id="answer"),
        pytest.param([HEADER, {**CHOICE, "answer": True}], "index of a choice", id="answer of another type"),
        pytest.param([HEADER, {**CHOICE, "choices": [" a"]}], "at least two", id="one choice"),
        pytest.param([HEADER, {**CHOICE, "choices": [" a", " a"]}], "the same text twice", id="equal choices"),
        pytest.param([HEADER, {**CHOICE, "gold": 1}], "no field 'gold'", id="unknown field"),
        pytest.param([HEADER, TEXT], "no field 'text'", id="item of another kind"),
        pytest.param([HEADER, '{"id": NaN}'], "NaN is not allowed", id="NaN"),
        pytest.param([{**HEADER, "kind": "generate"}, {**REPLY, "judge": {"type": "x"}}], "unknown judge", id="judge"),
        pytest.param(
            [{**HEADER, "kind": "generate"}, {**REPLY, "messages": []}], "at least one message", id="silence"
        ),
        pytest.param([{**HEADER, "kind": "generate"}, {**REPLY, "max_new_tokens": 0}], "at least 1", id="no room"),
        pytest.param(
            [{**HEADER, "kind": "generate"}, {**REPLY, "messages": [{"role": "assistant", "content": "Hi"}]}],
            "must not be the assistant's",
            id="already answered",
        ),
    ],
)
def test_a_broken_suite_is_refused_with_its_line(tmp_path, rows, sentence):
    path = write(tmp_path / "s.jsonl", *rows)

    with pytest.raises(SuiteError, match=sentence):
        load_suite(path)


def test_a_suite_that_is_not_there_is_named(tmp_path):
    with pytest.raises(SuiteError, match=r"none\.jsonl cannot be read"):
        load_suite(tmp_path / "none.jsonl")
    with pytest.raises(SuiteError, match="no builtin suite 'none'"):
        load_suite("builtin:none")


def test_the_error_carries_the_line(tmp_path):
    with pytest.raises(SuiteError) as caught:
        load_suite(write(tmp_path / "s.jsonl", HEADER, CHOICE, "{"))

    assert caught.value.line == 3


@given(order=st.permutations(list(CHOICE)))
def test_the_order_of_fields_does_not_change_a_digest(order):
    assert item_digest({field: CHOICE[field] for field in order}) == item_digest(CHOICE)


@pytest.mark.parametrize(
    "change", [{"version": 2}, {"suite": "other"}, {"about": "more"}], ids=["version", "name", "about"]
)
def test_a_changed_header_changes_the_digest(tmp_path, change):
    first = load_suite(write(tmp_path / "a.jsonl", HEADER, CHOICE))
    second = load_suite(write(tmp_path / "b.jsonl", {**HEADER, **change}, CHOICE))

    assert first.digest != second.digest


def test_a_changed_or_moved_item_changes_the_digest(tmp_path):
    other = {**CHOICE, "id": "b"}

    digests = {
        load_suite(write(tmp_path / "s.jsonl", HEADER, *items)).digest
        for items in ([CHOICE, other], [other, CHOICE], [{**CHOICE, "prompt": "Two and two is"}, other])
    }

    assert len(digests) == 3


@pytest.mark.parametrize("name", ["knowledge", "instructions", "harmful", "harmless", "prose"])
def test_the_builtin_suites_load(name):
    suite = load_suite(f"builtin:{name}")

    assert suite.name == name
    assert len(suite.items) > 1
