import json
from dataclasses import replace
from pathlib import Path

import pytest

from gatekeeper.core.digests import sha256_file
from gatekeeper.core.errors import UsageError
from gatekeeper.core.findings import Severity, Status
from gatekeeper.gates.data.schema import DEFAULT_SUITE, Params, data_schema


def ordinary(make, count=30):
    return make.rows_of([(f"What is {n} plus 2?", f"It is {n + 2}.") for n in range(count)])


def suite(tmp_path, *expectations, name="mine"):
    path = tmp_path / "suite.json"
    path.write_text(json.dumps({"name": name, "expectations": list(expectations)}))
    return Params(suite_file=str(path))


def test_ordinary_rows_meet_every_default_expectation(make, tmp_path, capfd):
    report = data_schema(make.context_with(ordinary(make), tmp_path))

    assert report.status is Status.MEASURED
    assert report.findings == ()
    assert report.metric("failed_expectations").value == 0
    assert report.metric("expectations").value == len(DEFAULT_SUITE)
    assert report.metric("duplicate_share").value == 0
    assert "".join(capfd.readouterr()) == ""


@pytest.mark.parametrize(
    ("column", "prompt", "response"),
    [
        pytest.param("prompt_missing", " ", "It is 4.", id="no prompt"),
        pytest.param("response_missing", "What is 2 plus 2?", "\n", id="no response"),
        pytest.param("control_characters", "What is 2\x00 plus 2?", "It is 4.", id="a null character"),
        pytest.param("mojibake", "What\u00e2\u20ac\u2122s 2 plus 2?", "It is 4.", id="broken encoding"),
        pytest.param("response_characters", "Count.", "1 " * 150_000, id="no end"),
    ],
)
def test_a_row_out_of_shape_is_named_by_its_number(make, tmp_path, column, prompt, response):
    rows = [*ordinary(make), make.instruction_row(30, prompt, response)]

    report = data_schema(make.context_with(rows, tmp_path))

    [finding] = report.findings
    assert finding.code == "data/schema/failed-expectation"
    assert f"({column})" in finding.subject
    assert "first at 30" in finding.message
    assert report.metric("failed_rows").value == 1


def test_two_shapes_in_one_file_fail_as_a_whole(make, tmp_path):
    rows = [*ordinary(make), make.text_row(30, "Once there was a river.")]

    report = data_schema(make.context_with(rows, tmp_path))

    assert [finding.subject for finding in report.findings] == [
        "expect_column_unique_value_count_to_be_between(shape)"
    ]
    assert report.metric("shapes").value == 2


def test_equal_rows_are_measured_but_fail_nothing(make, tmp_path):
    rows = make.rows_of([("What is 2 plus 2?", "It is 4.")] * 4 + [("What is 3 plus 3?", "It is 6.")])

    report = data_schema(make.context_with(rows, tmp_path))

    assert report.findings == ()
    assert report.metric("duplicate_rows").value == 3
    assert report.metric("duplicate_share").value == pytest.approx(0.6)


def test_a_users_suite_sees_the_fields_as_read_and_keeps_its_own_severity(make, tmp_path):
    params = suite(
        tmp_path,
        {"type": "expect_column_to_exist", "kwargs": {"column": "instruction"}},
        {
            "type": "expect_column_values_to_match_regex",
            "kwargs": {"column": "output", "regex": "^It is 2"},
            "severity": "warning",
        },
    )

    report = data_schema(make.context_with(ordinary(make), tmp_path), params)

    [finding] = report.findings
    assert finding.subject == "expect_column_values_to_match_regex(output)"
    assert finding.severity is Severity.MEDIUM
    assert report.metric("failed_rows").value == 19


def rated(make, *ratings):
    rows = make.rows_of([(f"What is {n} plus 2?", f"It is {n + 2}.") for n in range(len(ratings))])
    return [replace(row, fields=(*row.fields, ("rating", text))) for row, text in zip(rows, ratings, strict=True)]


RATING = {"type": "expect_column_values_to_be_between", "kwargs": {"column": "rating", "min_value": 1, "max_value": 5}}


def test_a_field_that_is_compared_with_numbers_is_read_as_numbers(make, tmp_path):
    params = suite(
        tmp_path,
        RATING,
        {"type": "expect_column_mean_to_be_between", "kwargs": {"column": "rating", "max_value": 3}},
        {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "instruction", "value_set": ["no such"]}},
    )

    report = data_schema(make.context_with(rated(make, "1", "2.5", "4"), tmp_path), params)
    beyond = data_schema(make.context_with(rated(make, "1", "2.5", "40"), tmp_path), params)

    assert [finding.subject for finding in report.findings] == ["expect_column_values_to_be_in_set(instruction)"]
    assert report.metric("unevaluated_expectations").value == 0
    assert "expect_column_values_to_be_between(rating)" in {finding.subject for finding in beyond.findings}


@pytest.mark.parametrize("text", ["five", "", "nan"])
def test_a_text_among_numbers_is_not_passed_over(make, tmp_path, text):
    report = data_schema(make.context_with(rated(make, "1", text, "4"), tmp_path), suite(tmp_path, RATING))

    assert report.metric("failed_expectations").value == 1


def test_a_suite_as_the_library_writes_it_is_read(make, tmp_path):
    from great_expectations import ExpectationSuite, expectations

    path = tmp_path / "written.json"
    written = ExpectationSuite(
        name="theirs",
        expectations=[
            expectations.ExpectColumnValuesToMatchRegex(column="output", regex="^It is [0-9]", mostly=0.9),
            expectations.ExpectTableRowCountToBeBetween(min_value=40),
        ],
    )
    path.write_text(json.dumps(written.to_json_dict(), default=str))

    report = data_schema(make.context_with(ordinary(make), tmp_path), Params(suite_file=str(path)))

    [finding] = report.findings
    assert finding.subject == "expect_table_row_count_to_be_between()"
    assert json.loads((tmp_path / "validation.json").read_text())["suite_name"] == "theirs"


def test_the_evidence_says_which_suite_the_rows_were_held_to(make, tmp_path):
    params = suite(tmp_path, RATING)

    read = sha256_file(Path(params.suite_file))
    report = data_schema(make.context_with(rated(make, "1", "2"), tmp_path), params)
    kept = json.loads((tmp_path / "validation.json").read_text())
    again = data_schema(make.context_with(rated(make, "1", "2"), tmp_path), suite(tmp_path, RATING, RATING))

    assert kept["suite_digest"] == read
    assert kept["great_expectations_version"]
    assert kept["statistics"]["successful_expectations"] == 1
    assert report.digest != again.digest


def test_an_expectation_that_cannot_be_evaluated_counts_as_failed(make, tmp_path):
    params = suite(tmp_path, {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "licence"}})

    report = data_schema(make.context_with(ordinary(make), tmp_path), params)

    assert [finding.code for finding in report.findings] == ["data/schema/unevaluated-expectation"]
    assert report.metric("unevaluated_expectations").value == 1
    assert report.metric("failed_expectations").value == 1


def test_no_value_of_a_row_reaches_report_or_attachment(make, tmp_path):
    params = suite(
        tmp_path, {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "output", "value_set": []}}
    )
    rows = [make.instruction_row(0, "Contact?", "runa@kestrelpost.org")]

    report = data_schema(make.context_with(rows, tmp_path), params)

    assert report.metric("failed_rows").value == 1
    assert "kestrelpost" not in (tmp_path / "validation.json").read_text()
    assert "kestrelpost" not in json.dumps(report.to_plain())


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("{", id="no JSON"),
        pytest.param("[]", id="no object"),
        pytest.param('{"expectations": []}', id="nothing expected"),
        pytest.param('{"expectations": [{"type": "expect_miracles"}]}', id="unknown expectation"),
        pytest.param(
            '{"expectations": [{"type": "expect_column_values_to_be_unique", "kwargs": {"colum": "id"}}]}',
            id="misspelt argument",
        ),
    ],
)
def test_a_suite_that_cannot_be_used_is_one_clear_sentence(make, tmp_path, content):
    path = tmp_path / "suite.json"
    path.write_text(content)

    with pytest.raises(UsageError) as caught:
        data_schema(make.context_with(ordinary(make), tmp_path), Params(suite_file=str(path)))

    assert caught.value.hint


def test_a_missing_suite_file_is_a_usage_error(make, tmp_path):
    with pytest.raises(UsageError, match="cannot be read"):
        data_schema(make.context_with(ordinary(make), tmp_path), Params(suite_file=str(tmp_path / "absent.json")))


@pytest.mark.parametrize("rows", [pytest.param(None, id="no rows given"), pytest.param([], id="empty data set")])
def test_without_rows_the_question_stays_open(make, tmp_path, rows):
    assert data_schema(make.context_with(rows, tmp_path)).status is Status.UNMEASURED
