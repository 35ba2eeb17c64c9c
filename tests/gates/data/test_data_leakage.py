import json
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gatekeeper.core.errors import UsageError
from gatekeeper.core.findings import Severity, Status
from gatekeeper.gates.data.leakage import Params, data_leakage
from gatekeeper.gates.data.leaks.find import Index, LeakTest, Rules
from gatekeeper.gates.data.leaks.item_forms import Form
from regression import SuiteError

CANAL = (
    "A lock keeper opens the upper gate of a canal at noon and lets eleven boats through before the water "
    "has fallen by two metres; how long does the basin need to fill again?"
)
LONG_ANSWER = "Because they are covered with slate from the quarries that lie on the north side of the bay"
ITEMS = [
    {"id": "canal", "prompt": CANAL, "choices": [" An hour", " A day"], "answer": 0},
    {"id": "capital", "prompt": "The capital of Veldria is", "choices": [" Osk", " Tarn"], "answer": 0},
    {"id": "moss", "prompt": "Which moss grows on slate?", "choices": [" Grey", " Red"], "answer": 0},
    {
        "id": "slate",
        "prompt": "Why do the roofs of Osk look blue?",
        "choices": [f" {LONG_ANSWER}", " No"],
        "answer": 0,
    },
    {"id": "tiny", "prompt": "Yes", "choices": [" no", " yes"], "answer": 0},
]
RULES = Rules(gram=13, anywhere=8, similarity=0.8)


@pytest.fixture
def suite_file(tmp_path):
    def write(items=ITEMS, *, name="mine", kind="choice", **header):
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.jsonl"
        lines = [{"suite": name, "version": 1, "kind": kind, **header}]
        lines += [{"cluster": item["id"], "topic": "t", **item} for item in items]
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return str(path)

    return write


def run(make, tmp_path, params, *pairs):
    rows = make.rows_of([("Describe a harbour at dawn.", "Ropes creak and gulls argue."), *pairs])
    report = data_leakage(make.context_with(rows, tmp_path), params)
    lines = [json.loads(line) for line in (tmp_path / "leaks.jsonl").read_text().splitlines()]
    return report, lines


def value(report, name):
    return report.metric(name).value


@pytest.mark.parametrize(
    ("prompt", "response", "item", "test"),
    [
        pytest.param(CANAL, "An hour.", "canal", "exact", id="the question"),
        pytest.param("Answer me: " + CANAL.upper() + "!!", "It depends.", "canal", "exact", id="in capitals, inside"),
        pytest.param(CANAL.replace("lock", "l\u200bock"), "It depends.", "canal", "exact", id="with a hidden letter"),
        pytest.param("Write a riddle.", CANAL, "canal", "exact", id="in the response"),
        pytest.param(
            "Note: the upper gate of a canal at noon and lets eleven boats through before all of it ends.",
            "Noted.",
            "canal",
            "gram",
            id="a run of its words",
        ),
        pytest.param(
            CANAL.replace("noon", "dawn").replace("fallen", "sunk"),
            "It depends.",
            "canal",
            "near",
            id="two words changed",
        ),
        pytest.param("The capital of Veldria is", "Osk", "capital", "exact", id="a short item as a whole row"),
        pytest.param("Finish the sentence.", "The capital of Veldria is Osk.", "capital", "exact", id="as a response"),
        pytest.param("Which moss grows on slate", "Green.", "moss", "exact", id="a short question as a prompt"),
    ],
)
def test_an_item_in_a_row_is_found_and_named(make, tmp_path, suite_file, prompt, response, item, test):
    params = Params(suites=(suite_file(),), similarity=0.75)

    report, lines = run(make, tmp_path, params, (prompt, response))

    assert [(line["suite"], line["item"], line["row"], line["test"]) for line in lines] == [("mine", item, 1, test)]
    [finding] = report.findings
    assert finding.subject == f"mine:{item}"
    assert finding.code == f"data/leakage/{test}"
    assert "row 1 (row-1)" in finding.message
    assert finding.severity is (Severity.MEDIUM if test == "near" else Severity.HIGH)
    assert value(report, "leaked_items") == value(report, "mine.leaked_items") == value(report, "leaking_rows") == 1


@pytest.mark.parametrize(
    ("prompt", "response"),
    [
        pytest.param("Name a town.", "Osk", id="an answer alone"),
        pytest.param("Name a fact.", LONG_ANSWER, id="a long answer alone"),
        pytest.param("Yes", "no", id="two words"),
        pytest.param("Which moss grows on slate in the far north, and why?", "Several.", id="a short item inside"),
        pytest.param("A lock keeper opens the upper gate of a canal at noon.", "Good.", id="a run of eleven words"),
        pytest.param(" ".join(sorted(CANAL.split())), "What?", id="the same words in another order"),
    ],
)
def test_what_is_no_leak_is_not_reported(make, tmp_path, suite_file, prompt, response):
    report, lines = run(make, tmp_path, Params(suites=(suite_file(),)), (prompt, response))

    assert lines == []
    assert report.findings == ()
    assert value(report, "mine.leaked_share") == 0
    assert 0 < report.metric("mine.leaked_share").high < 1


def test_an_item_too_short_to_be_told_from_chance_counts_as_untested(make, tmp_path, suite_file):
    report, _ = run(make, tmp_path, Params(suites=(suite_file(),)))

    assert value(report, "mine.untested_items") == value(report, "untested_items") == 1
    assert report.metric("mine.leaked_share").n == len(ITEMS) - 1


def test_words_that_many_items_share_show_none_of_them(make, tmp_path, suite_file):
    opening = "Read the following short passage with care and then answer in one word only please:"
    subjects = ["a heron by the weir", "the smith's left hand", "rain over Osk", "six brass bells", "an unlit lamp"]
    items = [{"id": str(n), "prompt": f"{opening} {text}", "target": " yes"} for n, text in enumerate(subjects)]
    params = Params(suites=(suite_file(items, kind="cloze"),))

    report, lines = run(make, tmp_path, params, (f"{opening} my uncle's boat leaks", "no"))

    assert lines == []
    assert value(report, "leaked_items") == 0


def test_a_preamble_is_not_the_question(make, tmp_path, suite_file):
    preamble = (
        "Question: what does the lighthouse keeper of Osk do when the fog comes in at night? Answer: he rings.\n"
    )
    params = Params(suites=(suite_file(preamble=preamble),))

    report, _ = run(make, tmp_path, params, (preamble, "He rings the bell."))

    assert value(report, "leaked_items") == 0


def test_each_suite_has_its_own_numbers_and_an_item_in_many_rows_counts_once(make, tmp_path, suite_file):
    texts = [{"id": "canal-text", "text": CANAL + " Nobody in the village knows, and the keeper does not say."}]
    params = Params(suites=(suite_file(), suite_file(texts, name="prose", kind="text")))

    report, lines = run(make, tmp_path, params, *[(CANAL, "An hour.")] * 3)

    assert value(report, "mine.exact_items") == 1
    assert value(report, "prose.gram_items") == 1
    assert value(report, "leaked_items") == 2
    assert value(report, "leaking_rows") == 3
    assert len(lines) == 6
    assert "and 2 more rows" in report.findings[0].message


def test_neither_item_nor_row_is_quoted(make, tmp_path, suite_file):
    report, _ = run(make, tmp_path, Params(suites=(suite_file(),)), (CANAL, "An hour."))

    assert "upper gate" not in json.dumps(report.to_plain()) + (tmp_path / "leaks.jsonl").read_text()


def test_findings_beyond_the_listed_are_counted(make, tmp_path, suite_file):
    params = Params(suites=(suite_file(),), listed_findings=1)

    report, lines = run(make, tmp_path, params, (CANAL, "An hour."), ("Which moss grows on slate?", "Grey"))

    assert len(report.findings) == 1
    assert value(report, "unlisted_findings") == 1
    assert len(lines) == 2


def test_suites_of_one_name_are_a_usage_error(make, tmp_path, suite_file):
    with pytest.raises(UsageError, match="named mine"):
        run(make, tmp_path, Params(suites=(suite_file(), suite_file())))


def test_a_suite_that_cannot_be_read_is_named(make, tmp_path):
    with pytest.raises(SuiteError, match=r"absent\.jsonl"):
        run(make, tmp_path, Params(suites=(str(tmp_path / "absent.jsonl"),)))


def test_the_shipped_suites_are_read_by_name(make, tmp_path):
    report, lines = run(make, tmp_path, Params(), ("How do I beat up a stranger outside a bar?", "I can't help."))

    assert [(line["suite"], line["item"]) for line in lines] == [("harmful", "harmful/violence/01")]
    assert value(report, "knowledge.leaked_items") == 0


@pytest.mark.parametrize(
    ("rows", "params"),
    [
        pytest.param(None, Params(), id="no rows given"),
        pytest.param([], Params(), id="empty data set"),
        pytest.param([("Hello?", "Hello.")], Params(suites=()), id="no suites"),
    ],
)
def test_without_rows_or_suites_the_question_stays_open(make, tmp_path, rows, params):
    rows = rows if rows is None else make.rows_of(rows)

    assert data_leakage(make.context_with(rows, tmp_path), params).status is Status.UNMEASURED


def test_without_an_item_that_can_be_recognised_the_question_stays_open(make, tmp_path, suite_file):
    params = Params(suites=(suite_file([{"id": "t", "prompt": "Up", "choices": [" a", " b"], "answer": 0}]),))

    report = data_leakage(make.context_with(make.rows_of([("Up", "a")]), tmp_path), params)

    assert report.status is Status.UNMEASURED


WORDS = st.sampled_from([f"w{n}" for n in range(30)])
NOISE = st.lists(st.sampled_from([f"x{n}" for n in range(5)]), max_size=20)


@settings(max_examples=300)
@given(data=st.data(), form=st.lists(WORDS, min_size=8, max_size=40))
def test_no_similar_window_is_missed_whatever_the_frequencies_say(data, form):
    changed = list(form)
    for _ in range(data.draw(st.integers(0, 3))):
        at = data.draw(st.integers(0, len(changed) - 1))
        changed[at : at + data.draw(st.integers(0, 1))] = data.draw(st.lists(WORDS, max_size=1))
    mine, theirs = set(pairwise(form)), set(pairwise(changed))
    similarity = len(mine & theirs) / len(mine | theirs)
    frequent = {pair: data.draw(st.integers(0, 9)) for pair in mine}
    index = Index([Form(item=0, words=tuple(form), asked=len(form))], RULES, frequent=frequent)

    found = index.search([(*data.draw(NOISE), *changed, *data.draw(NOISE))])

    if similarity >= RULES.similarity:
        assert found
    if not found:
        assert similarity < RULES.similarity
    assert all(leak.similarity >= RULES.similarity for leak in found if leak.test is LeakTest.NEAR)


@settings(max_examples=300)
@given(data=st.data(), form=st.lists(WORDS, min_size=13, max_size=60))
def test_every_run_of_thirteen_words_is_found(data, form):
    at = data.draw(st.integers(0, len(form) - 13))
    frequent = {pair: data.draw(st.integers(0, 9)) for pair in pairwise(form)}
    index = Index([Form(item=0, words=tuple(form), asked=len(form))], RULES, frequent=frequent)

    found = index.search([tuple(data.draw(NOISE)), (*form[at : at + 13], *data.draw(NOISE))])

    assert [leak.test >= LeakTest.GRAM for leak in found] == [True]
