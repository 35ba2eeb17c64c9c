"""Every kind of suite is read as documented, written back to the same digest, and refused where it is wrong."""

import json
from importlib.resources import files

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regression import SuiteError, load_suite
from regression.items import SuiteKind
from regression.suites import METRICS, builtin_suites, limited, make_suite, suite_text

SCHEMA = jsonschema.Draft202012Validator(
    json.loads(files("regression").joinpath("suite.schema.json").read_text(encoding="utf-8"))
)
NAMED = {"id": "a", "cluster": "c", "topic": "t"}
ITEMS = {
    "choice": {**NAMED, "prompt": "Two and two are", "choices": [" four", " five", " vier"], "answers": [0, 2]},
    "cloze": {**NAMED, "prompt": "Two and two are", "target": " four"},
    "phrases": {**NAMED, "prompt": "Is it?", "wanted": [" yes"], "unwanted": [" no", " never"]},
    "generate": {**NAMED, "prompt": "Say it:", "judge": {"type": "refusal"}, "max_new_tokens": 3, "until": ["\n"]},
    "text": {**NAMED, "text": "Once upon a time."},
}
WORD = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=12).filter(str.strip)


def header(kind, **more):
    return {"suite": "s", "version": 1, "kind": kind, **more}


def write(path, *rows):
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize("kind", ITEMS)
def test_each_kind_is_read_and_fits_the_published_schema(tmp_path, kind):
    for metric in METRICS[SuiteKind(kind)]:
        rows = [header(kind, metric=metric), ITEMS[kind]]

        assert load_suite(write(tmp_path / "s.jsonl", *rows)).score == metric
        SCHEMA.validate(rows)


@pytest.mark.parametrize("name", builtin_suites())
def test_the_builtin_suites_fit_the_published_schema(name):
    suite = load_suite(f"builtin:{name}")

    SCHEMA.validate([dict(suite.header), *(dict(item.row) for item in suite.items)])


@pytest.mark.parametrize(
    ("kind", "head", "change", "sentence"),
    [
        pytest.param("choice", {}, {"answers": None}, "answers", id="answers of another type"),
        pytest.param("choice", {}, {"answer": 0}, "not both", id="two kinds of answer"),
        pytest.param("choice", {}, {"answers": []}, "list of indices", id="no right answer"),
        pytest.param("cloze", {}, {"target": ""}, "'target' must be", id="no target"),
        pytest.param("cloze", {}, {"choices": [" a", " b"]}, "no field 'choices'", id="unknown field"),
        pytest.param("phrases", {}, {"wanted": []}, "at least one text", id="nothing wanted"),
        pytest.param("generate", {}, {"messages": []}, "not both", id="prompt and messages"),
        pytest.param("generate", {}, {"until": "x"}, "'until' must be", id="until of another type"),
        pytest.param("generate", {}, {"judge": {"type": "nobody"}}, "unknown judge", id="unknown judge"),
        pytest.param("text", {"metric": "acc"}, {}, "no metric 'acc'", id="metric of another kind"),
        pytest.param("text", {"note": "x"}, {}, "no field 'note'", id="unknown header field"),
        pytest.param("text", {"preamble": "x"}, {}, "no 'preamble'", id="preamble of texts"),
        pytest.param("choice", {"rolling": True}, {}, "for text suites", id="rolling choices"),
        pytest.param("choice", {"decoding": {}}, {}, "only a generate suite", id="choices are not drawn"),
        pytest.param("generate", {"decoding": {"heat": 1}}, {}, "not 'heat'", id="unknown decoding"),
        pytest.param("generate", {"decoding": {"temperature": -1}}, {}, "at least 0", id="cold"),
        pytest.param("generate", {"decoding": {"samples": 2}}, {}, "temperature above 0", id="greedy twice"),
        pytest.param("generate", {"decoding": []}, {}, "is an object", id="decoding of another type"),
    ],
)
def test_what_the_format_does_not_know_is_refused_with_its_line(tmp_path, kind, head, change, sentence):
    rows = [header(kind, **head), {**ITEMS[kind], **change}]

    with pytest.raises(SuiteError, match=sentence) as caught:
        load_suite(write(tmp_path / "s.jsonl", *rows))

    assert caught.value.line == (1 if head else 2)


def test_a_row_without_an_answer_is_named_by_its_line(tmp_path):
    row = {field: value for field, value in ITEMS["choice"].items() if field != "answers"}

    with pytest.raises(SuiteError, match=r"line 3: a choice item needs an 'answer'"):
        load_suite(write(tmp_path / "s.jsonl", header("choice"), {**ITEMS["choice"], "id": "b"}, row))
    assert not SCHEMA.is_valid([header("choice"), row])


def test_windows_line_ends_change_nothing(tmp_path):
    rows = [json.dumps(header("text")), json.dumps(ITEMS["text"])]
    (tmp_path / "unix.jsonl").write_bytes("\n".join(rows).encode())
    (tmp_path / "windows.jsonl").write_bytes("\r\n".join([*rows, ""]).encode())

    assert load_suite(tmp_path / "unix.jsonl").digest == load_suite(tmp_path / "windows.jsonl").digest


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        pytest.param(b"", "is empty", id="empty"),
        pytest.param(b'{"suite": "s"}\n"\xe4"\n', r"no UTF-8 text: byte 16, in line 2", id="Latin-1"),
        pytest.param(b'\xef\xbb\xbf{"suite": "s"}', "byte order mark", id="byte order mark"),
        pytest.param(b'{"suite": "s", "suite": "t"}', "'suite' stands twice", id="field twice"),
        pytest.param(b'{"suite": "\\ud800"}', "half a surrogate pair", id="half a pair"),
    ],
)
def test_bytes_that_are_no_suite_are_refused(tmp_path, content, sentence):
    (tmp_path / "s.jsonl").write_bytes(content)

    with pytest.raises(SuiteError, match=sentence):
        load_suite(tmp_path / "s.jsonl")


def test_the_metric_is_part_of_the_digest(tmp_path):
    first, second = (
        load_suite(write(tmp_path / "s.jsonl", header("choice", metric=metric), ITEMS["choice"]))
        for metric in ("acc", "acc_norm")
    )

    assert first.digest != second.digest


def test_a_preamble_stands_before_every_prompt_and_in_the_digest(tmp_path):
    plain = load_suite(write(tmp_path / "a.jsonl", header("cloze"), ITEMS["cloze"]))
    shown = load_suite(write(tmp_path / "b.jsonl", header("cloze", preamble="One is one.\n"), ITEMS["cloze"]))

    assert shown.preamble == "One is one.\n"
    assert shown.items[0].prompt == "One is one.\nTwo and two are"
    assert shown.digest != plain.digest


@settings(deadline=None)
@given(
    prompts=st.lists(WORD, min_size=1, max_size=4),
    choices=st.lists(WORD, min_size=2, max_size=4, unique=True),
    about=WORD,
    doc=st.dictionaries(WORD, WORD | st.integers(-(2**53), 2**53) | st.none(), max_size=3),
)
def test_a_suite_written_and_read_again_is_the_same(tmp_path_factory, prompts, choices, about, doc):
    rows = [
        {**NAMED, "id": str(n), "prompt": prompt, "choices": choices, "answer": n % len(choices), "doc": doc}
        for n, prompt in enumerate(prompts)
    ]
    path = tmp_path_factory.mktemp("suite") / "s.jsonl"
    suite = make_suite(header("choice", about=about), rows, source=path)
    path.write_text(suite_text(suite), encoding="utf-8", newline="\n")

    again = load_suite(path)

    assert again.digest == suite.digest
    assert again == suite


def test_a_limited_suite_is_another_one_and_cannot_be_written(tmp_path):
    rows = [header("text"), ITEMS["text"], {**ITEMS["text"], "id": "b"}]
    whole = load_suite(write(tmp_path / "s.jsonl", *rows))

    part = limited(whole, 1)

    assert (part.limited, len(part.items)) == (True, 1)
    assert part.digest != whole.digest
    assert limited(whole, 2) is whole
    with pytest.raises(RuntimeError, match="only a whole suite"):
        suite_text(part)
