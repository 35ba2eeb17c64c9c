"""`gatekeeper eval` measures one model on one suite, compares honestly, and refuses what it cannot measure."""

import json
import shutil
from importlib.resources import files

import jsonschema
import pytest

from regression.results import read_results


@pytest.fixture
def ask(gatekeeper, tiny_world, item_cache, tmp_path, monkeypatch):
    """Run the command on the tiny base, outside of any project."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GATEKEEPER_CACHE_DIR", str(item_cache))

    def call(*arguments, model=tiny_world.base, dtype="float32"):
        return gatekeeper("eval", "--model", model, "--dtype", dtype, *arguments, "--json")

    return call


def test_samples_and_results_are_written(ask, tiny_world):
    ended = ask("--suite", tiny_world.suites["knowledge"], "--out", "out")

    assert ended.code == 0
    assert ended.json["score"]["name"] == "acc"
    assert ended.json["score"]["low"] <= ended.json["score"]["value"] <= ended.json["score"]["high"]
    assert ended.json["score"]["n"] == 60
    assert ended.json["limited"] is False
    with open("out/samples.jsonl", encoding="utf-8") as file:  # noqa: PTH123 - relative to the test's folder
        rows = [json.loads(line) for line in file]
    assert [row["doc_id"] for row in rows] == list(range(60))
    with open("out/results.json", encoding="utf-8") as file:  # noqa: PTH123
        assert json.load(file)["model"]["digest"] == ended.json["model"]["digest"]


def test_every_results_file_fits_the_published_schema(ask, tiny_world, tmp_path):
    schema = json.loads(files("regression").joinpath("results.schema.json").read_text(encoding="utf-8"))
    ask("--suite", tiny_world.suites["knowledge"], "--out", "a")
    ask("--suite", tiny_world.suites["knowledge"], "--out", "b", "--against", "a")
    ask("--suite", tiny_world.suites["prose"], "--out", "c", "--limit", "1")

    for name in ("a", "b", "c"):
        found = json.loads((tmp_path / name / "results.json").read_text(encoding="utf-8"))
        jsonschema.validate(found, schema)


def test_a_second_run_computes_nothing(ask, tiny_world):
    first = ask("--suite", tiny_world.suites["knowledge"], "--out", "a")
    second = ask("--suite", tiny_world.suites["knowledge"], "--out", "b")

    assert second.json["fresh"] == 0
    assert second.json["score"] == first.json["score"]


@pytest.mark.parametrize(("adapter", "code", "answer"), [("champion", 0, "pass"), ("forgetful", 20, "fail")])
def test_a_comparison_ends_with_the_code_of_its_answer(ask, tiny_world, adapter, code, answer):
    ask("--suite", tiny_world.suites["knowledge"], "--out", "before")

    ended = ask(
        *("--adapter", getattr(tiny_world, adapter), "--suite", tiny_world.suites["knowledge"], "--out", "after"),
        *("--against", "before", "--margin", "0.15"),
    )

    assert (ended.code, ended.json["paired"]["answer"]) == (code, answer)


def test_a_margin_too_narrow_for_the_items_is_inconclusive(ask, tiny_world):
    ask("--suite", tiny_world.suites["knowledge"], "--out", "before")

    ended = ask(
        "--suite", tiny_world.suites["knowledge"], "--out", "after", "--against", "before", "--margin", "0.001"
    )

    assert (ended.code, ended.json["paired"]["answer"]) == (10, "inconclusive")


def test_where_less_is_better_the_sign_is_turned(ask, tiny_world):
    ask("--suite", tiny_world.suites["prose"], "--out", "before")

    ended = ask(
        *("--adapter", tiny_world.forgetful, "--suite", tiny_world.suites["prose"], "--out", "after"),
        *("--against", "before", "--margin", "0.5"),
    )

    assert ended.json["score"]["higher_is_better"] is False
    assert ended.json["paired"]["delta"] < 0


def test_another_suite_is_not_compared(ask, tiny_world):
    ask("--suite", tiny_world.suites["knowledge"], "--out", "before")

    ended = ask("--suite", tiny_world.suites["acquired"], "--out", "after", "--against", "before")

    assert ended.code == 30
    assert "was evaluated on knowledge" in ended.json["error"]["message"]


def test_another_tokenizer_is_not_compared_where_tokens_count(ask, tiny_world, tmp_path):
    other = shutil.copytree(tiny_world.base, tmp_path / "other")
    path = other / "tokenizer.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    vocab = content["model"]["vocab"]
    first, second = [word for word in vocab if word.isalpha()][:2]
    vocab[first], vocab[second] = vocab[second], vocab[first]
    path.write_text(json.dumps(content), encoding="utf-8")
    ask("--suite", tiny_world.suites["prose"], "--out", "before")

    ended = ask("--suite", tiny_world.suites["prose"], "--out", "after", "--against", "before", model=other)

    assert ended.code == 30
    assert "the tokenizer of before differs" in ended.json["error"]["message"].lower()


def test_changed_samples_are_not_compared_with(ask, tiny_world, tmp_path):
    ask("--suite", tiny_world.suites["knowledge"], "--out", "before")
    path = tmp_path / "before" / "samples.jsonl"
    path.write_text(path.read_text(encoding="utf-8").replace('"score": 1.0', '"score": 0.0', 1), encoding="utf-8")

    ended = ask("--suite", tiny_world.suites["knowledge"], "--out", "after", "--against", "before")

    assert ended.code == 30
    assert "are not those its results were made from" in ended.json["error"]["message"]


def test_a_limited_result_is_marked_and_never_passes(ask, tiny_world):
    whole = ask("--suite", tiny_world.suites["knowledge"], "--out", "whole")
    before = ask("--suite", tiny_world.suites["knowledge"], "--out", "before", "--limit", "40")

    after = ask(
        *("--suite", tiny_world.suites["knowledge"], "--out", "after", "--limit", "40"),
        *("--against", "before", "--margin", "0.5"),
    )
    mixed = ask("--suite", tiny_world.suites["knowledge"], "--out", "mixed", "--limit", "40", "--against", "whole")

    assert before.json["limited"] is True
    assert before.json["suite"]["digest"] != whole.json["suite"]["digest"]
    assert (after.json["paired"]["answer"], after.code) == ("pass", 10)
    assert mixed.code == 30


def test_a_plan_loads_no_weights(ask, tiny_world, tmp_path):
    bare = shutil.copytree(tiny_world.base, tmp_path / "bare")
    for path in bare.glob("*.safetensors"):
        path.unlink()

    ended = ask(
        *("--suite", tiny_world.suites["knowledge"], "--suite", tiny_world.suites["instructions"], "--plan"),
        *("--margin", "0.02", "--tokens-per-second", "100"),
        model=bare,
    )

    assert ended.code == 0
    first, second = ended.json["suites"]
    assert first["items_needed"] > first["items"] == 60
    assert first["margin_reachable"] > 0.02
    assert first["seconds"] == pytest.approx(first["tokens_read"] / 100)
    assert second["tokens_written_at_most"] == 60 * 6


def test_drift_needs_a_reference_and_gets_one(ask, tiny_world, tmp_path):
    header, *items = tiny_world.suites["prose"].read_text(encoding="utf-8").splitlines()
    path = tmp_path / "drift.jsonl"
    rows = [json.dumps({**json.loads(header), "metric": "topk_kl"}), *items]
    path.write_text("\n".join(rows), encoding="utf-8")

    alone = ask("--suite", path, "--out", "alone")
    same = ask("--suite", path, "--out", "same", "--reference", tiny_world.base)
    moved = ask(
        *("--adapter", tiny_world.forgetful, "--suite", path, "--out", "moved", "--reference", tiny_world.base)
    )

    assert alone.code == 30
    assert alone.json["score"]["value"] is None
    assert same.json["score"]["value"] == pytest.approx(0, abs=1e-6)
    assert moved.json["score"]["value"] > 0.01


def test_an_imported_suite_is_frozen_as_ours(ask, tiny_world, tmp_path):
    (tmp_path / "facts.csv").write_text("q,right,wrong\nThe river,fox,miller\nThe old,miller,fox\n", encoding="utf-8")
    (tmp_path / "map.yaml").write_text(
        "suite: {suite: facts, version: 1, kind: choice}\ndataset: facts.csv\n"
        'item: {prompt: "{q}", choices: [" {right}", " {wrong}"], answer: 0}\n',
        encoding="utf-8",
    )

    first = ask("--suite", "map.yaml", "--out", "a", "--freeze", "frozen.jsonl")
    second = ask("--suite", "frozen.jsonl", "--out", "b")

    assert first.code == second.code == 0
    assert first.json["suite"]["digest"] == second.json["suite"]["digest"]


def test_numbers_that_are_not_finite_are_an_error(ask, tiny_world, tmp_path):
    from safetensors.torch import load_file, save_file

    broken = shutil.copytree(tiny_world.base, tmp_path / "broken")
    tensors = load_file(broken / "model.safetensors")
    tensors["model.norm.weight"][0] = float("nan")
    save_file(tensors, broken / "model.safetensors", metadata={"format": "pt"})

    ended = ask("--suite", tiny_world.suites["knowledge"], "--out", "out", model=broken)

    assert ended.code == 30
    assert "not finite" in ended.json["error"]["message"]
    assert not (tmp_path / "out" / "results.json").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        pytest.param(["--suite", "none.jsonl", "--out", "o"], "is not a file", id="no suite"),
        pytest.param(["--suite", "builtin:prose"], "nowhere to write", id="no out"),
        pytest.param(["--suite", "builtin:prose", "--suite", "builtin:knowledge", "--out", "o"], "--plan", id="two"),
        pytest.param(["--suite", "builtin:prose", "--out", "o", "--margin", "0"], "above 0", id="margin"),
        pytest.param(["--suite", "builtin:prose", "--out", "o", "--adapter", "none"], "not a folder", id="adapter"),
    ],
)
def test_wrong_usage_is_told_apart(ask, arguments, sentence):
    ended = ask(*arguments)

    assert ended.code == 64
    assert sentence in ended.json["error"]["message"]


def test_a_row_without_an_answer_is_named_by_file_and_line(ask, tmp_path):
    rows = [
        {"suite": "s", "version": 1, "kind": "choice"},
        {"id": "a", "cluster": "c", "topic": "t", "prompt": "x", "choices": [" a", " b"]},
    ]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")

    ended = ask("--suite", "rows.jsonl", "--out", "out")

    assert ended.code == 30
    assert ended.json["error"]["message"].startswith("rows.jsonl, line 2: a choice item needs an 'answer'")


def test_an_interrupted_run_is_resumed_from_the_cache(ask, tiny_world, tmp_path, monkeypatch):
    from regression import session

    monkeypatch.setenv("GATEKEEPER_CACHE_DIR", str(tmp_path / "cache"))
    whole, calls = session.Session._run, []

    def stopped(self, *arguments):
        calls.append(1)
        if len(calls) > 1:
            raise KeyboardInterrupt
        return whole(self, *arguments)

    with monkeypatch.context() as patch:
        patch.setattr(session.Session, "_run", stopped)
        assert ask("--suite", tiny_world.suites["instructions"], "--out", "out").code == 30
        assert not (tmp_path / "out" / "results.json").exists()

    ended = ask("--suite", tiny_world.suites["instructions"], "--out", "out")

    assert ended.code == 0
    assert 0 < ended.json["cached"] < 60
    assert len(read_results(tmp_path / "out").items) == 60
