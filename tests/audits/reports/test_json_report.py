import json
from dataclasses import replace

import jsonschema
import pytest
from run_example import HOSTILE, count, example, measured

from audits.reports import render_json
from audits.reports.as_json import json_schema

VALIDATOR = jsonschema.Draft202012Validator(json_schema(), format_checker=jsonschema.FormatChecker())


def test_the_published_schema_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(json_schema())


def test_a_report_has_the_published_shape():
    VALIDATOR.validate(json.loads(render_json(example())))


def test_the_schema_refuses_what_it_does_not_know():
    document = json.loads(render_json(example()))
    document["updates"][0]["surprise"] = 1

    with pytest.raises(jsonschema.ValidationError):
        VALIDATOR.validate(document)


def test_updates_carry_name_outcome_state_and_reasons():
    updates = {update["name"]: update for update in json.loads(render_json(example()))["updates"]}

    assert updates["benign"]["outcome"] == "ADMIT"
    assert updates["tampered"]["state"] == "BLOCKED"
    assert updates["tampered"]["reasons"][0] == {
        "gate": "artifact/format",
        "code": "artifact/format/no-code",
        "outcome": "BLOCK",
        "text": "1 file can run code when it is loaded.",
    }
    assert updates["unreadable"]["errored"] is True


def test_text_is_kept_exactly_as_it_was_measured():
    updates = json.loads(render_json(example()))["updates"]
    subjects = [
        finding["subject"] for update in updates for report in update["reports"] for finding in report["findings"]
    ]

    assert HOSTILE in subjects


@pytest.mark.parametrize(("value", "written"), [(float("nan"), "nan"), (float("inf"), "inf"), (float("-inf"), "-inf")])
def test_a_number_that_is_not_finite_is_still_json(value, written):
    view = example()
    broken = replace(view.updates[0], reports=(measured("data/pii", count("rows", value, 1)),), seconds=value)

    document = json.loads(render_json(replace(view, updates=(broken,))))

    VALIDATOR.validate(document)
    assert document["updates"][0]["reports"][0]["metrics"][0]["value"] == written
