"""What our format cannot say is refused by name; what it can say is frozen item by item."""

import json

import pytest
import yaml

from regression import SuiteError, load_suite
from regression.sources import open_suite
from regression.suites import write_suite

TASK = {
    "task": "t",
    "dataset_path": "json",
    "dataset_kwargs": {"data_files": {"test": "rows.jsonl"}},
    "test_split": "test",
    "output_type": "multiple_choice",
    "doc_to_text": "q",
    "doc_to_choice": "options",
    "doc_to_target": "gold",
    "metric_list": [{"metric": "acc", "aggregation": "mean", "higher_is_better": True}],
}
ROWS = [
    {"q": "Two and two are", "options": ["four", "five"], "gold": 0},
    {"q": "So", "options": ["a", "b"], "gold": 1},
]


@pytest.fixture
def task(tmp_path):
    """Write a task with its data and return the path of its file."""
    pytest.importorskip("lm_eval", reason="lm-evaluation-harness is an optional extra")

    def written(rows=ROWS, text="", **change):
        (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)), encoding="utf-8")
        path = tmp_path / "task.yaml"
        path.write_text(yaml.safe_dump({**TASK, **change}) + text, encoding="utf-8")
        return path

    return written


def test_a_task_becomes_a_suite_that_can_be_written_and_read(task, tmp_path):
    suite = open_suite(task())
    write_suite(suite, tmp_path / "frozen.jsonl")

    assert [item.choices for item in suite.items] == [(" four", " five"), (" a", " b")]
    assert [item.row["doc"] for item in suite.items] == ROWS
    assert load_suite(tmp_path / "frozen.jsonl").digest == suite.digest


def test_the_digest_covers_the_data(task):
    first = open_suite(task()).digest
    second = open_suite(task(rows=[{**ROWS[0], "gold": 1}, ROWS[1]])).digest

    assert first != second


def test_several_right_answers_are_kept(task):
    rows = [{**ROWS[0], "gold": [0, 1]}, {**ROWS[1], "gold": [1]}]

    assert [item.right for item in open_suite(task(rows=rows)).items] == [(0, 1), (1,)]


def metric(name, **more):
    return {"metric_list": [{"metric": name, **more}]}


@pytest.mark.parametrize(
    ("change", "text", "sentence"),
    [
        pytest.param({}, "process_results: !function utils.f\n", r"Python function utils\.f in 'process_", id="code"),
        pytest.param({}, "process_docs: !function utils.f\n", "Python function", id="code over documents"),
        pytest.param(metric("f1"), "", "the metric 'f1'", id="unknown metric"),
        pytest.param(metric("acc", aggregation="median"), "", "not aggregated by 'mean'", id="unknown aggregation"),
        pytest.param(metric("acc", strict=True), "", "option 'strict'", id="unknown option"),
        pytest.param({"output_type": "generate_until", **metric("bleu")}, "", "the metric 'bleu'", id="bleu"),
        pytest.param({"output_type": "other"}, "", "output type 'other'", id="output type"),
        pytest.param(
            {
                "output_type": "generate_until",
                **metric("exact_match"),
                "filter_list": [{"name": "x", "filter": [{"function": "majority_vote"}]}],
            },
            "",
            "filter 'majority_vote'",
            id="unknown filter",
        ),
        pytest.param(
            {"filter_list": [{"name": "x", "filter": [{"function": "take_first"}]}]},
            "",
            "filters log-likelihoods",
            id="filtered log-likelihoods",
        ),
        pytest.param({"repeats": 3}, "", "repeats its requests", id="repeats"),
        pytest.param({"doc_to_image": "q"}, "", "'doc_to_image'", id="images"),
        pytest.param(
            {"dataset_kwargs": {"trust_remote_code": True}}, "", "run code of its data set", id="code of data"
        ),
        pytest.param({"dataset_kwargs": {"data_files": "gone.jsonl"}}, "", "gone.jsonl of the task", id="no data"),
        pytest.param({"doc_to_text": "{{nothing}}"}, "", "cannot be read", id="template"),
        pytest.param(
            {"doc_to_text": "{{question.__class__.__mro__}}"},
            "",
            "unsafe|undefined",
            id="a template that looks inside",
        ),
        pytest.param(
            {"doc_to_text": "{{cycler.__init__.__globals__.os.popen('id').read()}}"}, "", "unsafe", id="one that runs"
        ),
        pytest.param({}, "x: [\n", "line [0-9]+: this is no YAML", id="no YAML"),
        pytest.param(
            {
                "output_type": "generate_until",
                "doc_to_choice": None,
                **metric("exact_match"),
                "generation_kwargs": {"num_beams": 4},
            },
            "",
            "option 'num_beams'",
            id="unknown generation",
        ),
    ],
)
def test_what_a_suite_cannot_say_is_refused(task, change, text, sentence):
    with pytest.raises(SuiteError, match=sentence):
        open_suite(task(text=text, **change))


def test_a_document_without_an_answer_is_named(task):
    with pytest.raises(SuiteError, match=r"row 1 of the data of .* has no answer among its choices \(7\)"):
        open_suite(task(rows=[ROWS[0], {**ROWS[1], "gold": 7}]))


def test_an_included_task_is_read_and_its_code_refused(task, tmp_path):
    task()
    (tmp_path / "child.yaml").write_text("include: task.yaml\ntask: child\n", encoding="utf-8")
    (tmp_path / "bad.yaml").write_text("include: code.yaml\ntask: bad\n", encoding="utf-8")
    (tmp_path / "code.yaml").write_text("process_results: !function utils.f\n", encoding="utf-8")

    assert open_suite(tmp_path / "child.yaml").name == "child"
    with pytest.raises(SuiteError, match="Python function"):
        open_suite(tmp_path / "bad.yaml")


MAPPING = {
    "suite": {"suite": "capitals", "version": 1, "kind": "choice"},
    "dataset": "capitals",
    "split": "test",
    "item": {
        "prompt": "The capital of {country} is",
        "choices": [" {right}", " {wrong}"],
        "answer": 0,
        "cluster": "{continent}",
    },
}
CAPITALS = {
    "country": ["France", "Peru"],
    "right": ["Paris", "Lima"],
    "wrong": ["Rome", "Quito"],
    "continent": ["Europe", "America"],
}


@pytest.fixture
def mapping(tmp_path):
    """Write a data set to disk and a mapping beside it; return the mapping's path."""
    datasets = pytest.importorskip("datasets", reason="data sets are an optional extra")

    def written(**change):
        datasets.DatasetDict({"test": datasets.Dataset.from_dict(CAPITALS)}).save_to_disk(tmp_path / "capitals")
        path = tmp_path / "map.yaml"
        path.write_text(yaml.safe_dump({**MAPPING, **change}), encoding="utf-8")
        return path

    return written


def test_a_mapped_data_set_becomes_a_suite(mapping, tmp_path):
    suite = open_suite(mapping())
    write_suite(suite, tmp_path / "frozen.jsonl")

    assert [item.prompt for item in suite.items] == ["The capital of France is", "The capital of Peru is"]
    assert [item.cluster for item in suite.items] == ["Europe", "America"]
    assert suite.items[0].row["doc"]["wrong"] == "Rome"
    assert load_suite(tmp_path / "frozen.jsonl").digest == suite.digest


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        pytest.param({"item": {**MAPPING["item"], "prompt": "{town}"}}, "row 0 .* no field 'town'", id="no field"),
        pytest.param({"item": {**MAPPING["item"], "prompt": "{country.__class__}"}}, "more than the name", id="code"),
        pytest.param({"dataset": "nowhere/at-all"}, "nowhere/at-all .* cannot be read", id="not here"),
        pytest.param({"trust_remote_code": True}, "no field 'trust_remote_code'", id="unknown field"),
        pytest.param({"item": {"prompt": "x"}}, "'choices' must be", id="half an item"),
        pytest.param({"suite": "capitals"}, "needs 'suite' and 'item'", id="no header"),
    ],
)
def test_a_mapping_that_does_not_fit_is_refused(mapping, change, sentence):
    with pytest.raises(SuiteError, match=sentence):
        open_suite(mapping(**change))


def test_other_yaml_is_neither(tmp_path):
    (tmp_path / "x.yaml").write_text("a: 1\n", encoding="utf-8")

    with pytest.raises(SuiteError, match="neither a task"):
        open_suite(tmp_path / "x.yaml")
