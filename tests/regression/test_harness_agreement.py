"""One task file, read by lm-evaluation-harness and by us: the same numbers item by item, and samples of one shape."""

import json
from types import SimpleNamespace

import pytest
from harness_world import run_harness, write_tasks

from regression import ModelRef, Session
from regression.harness_tasks import load_harness_task
from regression.metrics import Measured, totals
from regression.samples import sample_rows

pytest.importorskip("lm_eval", reason="lm-evaluation-harness is an optional extra")

SCORED = ("tiny_choice", "tiny_shots", "tiny_cloze", "tiny_generate")
TOTALS = [
    ("tiny_choice", "acc", "acc"),
    ("tiny_choice", "acc_norm", "acc_norm"),
    ("tiny_choice", "acc_bytes", "acc_bytes"),
    ("tiny_shots", "acc", "acc"),
    ("tiny_shots", "acc_norm", "acc_norm"),
    ("tiny_cloze", "acc", "acc"),
    ("tiny_cloze", "perplexity", "perplexity"),
    ("tiny_rolling", "word_perplexity", "word_perplexity"),
    ("tiny_rolling", "byte_perplexity", "byte_perplexity"),
    ("tiny_rolling", "bits_per_byte", "bits_per_byte"),
    ("tiny_generate", "exact_match", "judge"),
]


@pytest.fixture(scope="session")
def both(tiny_world, tmp_path_factory):
    """The harness's results and samples, and ours, of the tiny base on every task."""
    folder = tmp_path_factory.mktemp("tasks")
    paths = write_tasks(folder, tiny_world)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        results, samples = run_harness(folder, tiny_world.base, SCORED, folder / "out")
        # Its default counts the begin token that this tokenizer adds by itself as a token of the text.
        more = run_harness(folder, tiny_world.base, ["tiny_rolling"], folder / "out", add_bos_token=False)
    suites = {name: load_harness_task(path) for name, path in paths.items()}
    with Session(None, dtype="float32", device="cpu") as session:
        ours = {name: session.evaluate(ModelRef(base=tiny_world.base), suite) for name, suite in suites.items()}
    return SimpleNamespace(results={**results, **more[0]}, samples={**samples, **more[1]}, suites=suites, ours=ours)


def logs(sample):
    """Every log-likelihood of a sample, in order."""
    return [float(one[0] if isinstance(one, list) else one) for request in sample["resps"] for one in request]


@pytest.mark.parametrize("task", ["tiny_choice", "tiny_shots", "tiny_cloze", "tiny_rolling"])
def test_log_likelihoods_agree_item_by_item(both, task):
    ours = list(sample_rows(both.suites[task], both.ours[task]))

    assert len(ours) == len(both.samples[task]) > 0
    for mine, theirs in zip(ours, sorted(both.samples[task], key=lambda row: row["doc_id"]), strict=True):
        assert logs(mine) == pytest.approx(logs(theirs), abs=1e-4)


@pytest.mark.parametrize(("task", "theirs", "ours"), TOTALS)
def test_totals_agree(both, task, theirs, ours):
    wanted = next(value for name, value in both.results[task].items() if name.split(",")[0] == theirs)
    measured = [Measured(values=item.values, metrics=item.metrics) for item in both.ours[task].items]

    found = totals(both.suites[task], measured)[ours]

    print(f"{task} {theirs}: harness {wanted!r}, ours {found!r}, difference {abs(found - wanted):.2e}")  # noqa: T201
    assert found == pytest.approx(wanted, abs=1e-4, rel=1e-5)


def test_replies_agree_word_for_word(both):
    ours = list(sample_rows(both.suites["tiny_generate"], both.ours["tiny_generate"]))
    theirs = sorted(both.samples["tiny_generate"], key=lambda row: row["doc_id"])

    assert [row["resps"] for row in ours] == [row["resps"] for row in theirs]
    assert [row["filtered_resps"] for row in ours] == [row["filtered_resps"] for row in theirs]
    assert [row["exact_match"] for row in ours] == [row["exact_match"] for row in theirs]
    assert 0 < sum(row["exact_match"] for row in ours) < len(ours)


@pytest.mark.parametrize("task", [*SCORED, "tiny_rolling"])
def test_every_field_of_the_harness_is_there_with_its_type(both, task):
    ours = [json.loads(json.dumps(row)) for row in sample_rows(both.suites[task], both.ours[task])]
    theirs = sorted(map(dict, both.samples[task]), key=lambda row: row["doc_id"])

    for mine, other in zip(ours, theirs, strict=True):
        assert set(other.pop("metrics")) <= set(mine["metrics"])
        assert {name: shape(mine[name]) for name in other} == {name: shape(value) for name, value in other.items()}


@pytest.mark.parametrize("task", [*SCORED, "tiny_rolling"])
def test_documents_prompts_targets_and_hashes_are_equal(both, task):
    ours = list(sample_rows(both.suites[task], both.ours[task]))
    theirs = sorted(both.samples[task], key=lambda row: row["doc_id"])

    for field in ("doc_id", "doc", "target", "doc_hash", "prompt_hash", "target_hash"):
        assert [row[field] for row in ours] == [row[field] for row in theirs], field


def test_the_normalisations_are_told_apart(both):
    own = {name: value for name, value in both.results["tiny_choice"].items() if name.startswith("acc")}

    assert len({own["acc,none"], own["acc_norm,none"], own["acc_bytes,none"]}) == 3


@pytest.mark.parametrize("task", [*SCORED, "tiny_rolling"])
def test_the_library_that_reads_the_harness_samples_reads_ours_as_the_same_columns(both, task, tmp_path):
    datasets = pytest.importorskip("datasets")
    tables = []
    for name, rows in (("ours", sample_rows(both.suites[task], both.ours[task])), ("theirs", both.samples[task])):
        path = tmp_path / f"{name}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        tables.append(datasets.Dataset.from_json(str(path), cache_dir=str(tmp_path / "cache")))
    ours, theirs = tables

    assert {name: kind for name, kind in ours.features.items() if name in theirs.features} == theirs.features


def test_examples_shared_by_all_items_become_the_preamble(both):
    suite = both.suites["tiny_shots"]

    assert suite.preamble.startswith("Facts of another world")
    assert all(item.prompt.startswith(suite.preamble) for item in suite.items)


def shape(value):
    """The JSON type of a value and of what it holds; whole numbers and others are one type, as in JSON."""
    if isinstance(value, dict):
        return {name: shape(part) for name, part in value.items()}
    if isinstance(value, list):
        return [shape(part) for part in value]
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__
