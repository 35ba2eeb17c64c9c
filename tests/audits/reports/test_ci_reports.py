import json
import re
from dataclasses import replace
from xml.etree.ElementTree import fromstring

import pytest
from run_example import HOSTILE, example, finding, measured

from audits.reports import render_junit, render_markdown, render_sarif
from gatekeeper.core.findings import Severity


def suites():
    return {suite.get("name"): suite for suite in fromstring(render_junit(example())).iter("testsuite")}  # noqa: S314 - our own


def test_junit_has_one_case_per_gate():
    cases = [case.get("name") for case in suites()["poisoned"].iter("testcase")]

    assert cases == [
        "data/secrets",
        "data/pii",
        "data/poison",
        "artifact/format",
        "behaviour/regression",
        "behaviour/forgetting",
        "behaviour/refusal",
    ]


def test_junit_tells_block_error_skip_and_review_apart():
    found = suites()

    assert [found["poisoned"].get(key) for key in ("tests", "failures", "errors", "skipped")] == ["7", "3", "0", "3"]
    assert [found["unreadable"].get(key) for key in ("tests", "failures", "errors", "skipped")] == ["2", "0", "1", "0"]
    assert [found["benign"].get(key) for key in ("tests", "failures", "errors", "skipped")] == ["4", "0", "0", "0"]
    assert [failure.get("type") for failure in found["unsettled"].iter("failure")] == ["REVIEW"]


def test_junit_totals_are_sums():
    root = fromstring(render_junit(example()))  # noqa: S314 - our own

    for key in ("tests", "failures", "errors", "skipped"):
        assert int(root.get(key, "")) == sum(int(suite.get(key, "")) for suite in root.iter("testsuite"))


def test_junit_survives_characters_xml_cannot_hold():
    view = example()
    hostile = replace(view.updates[0], name="a\x00b\ufffe\ud800")

    root = fromstring(render_junit(replace(view, updates=(hostile,))))  # noqa: S314 - our own

    assert root.find("testsuite") is not None


def sarif():
    return json.loads(render_sarif(example()))


def test_sarif_has_one_run_per_update_with_its_own_category():
    log = sarif()

    assert log["version"] == "2.1.0"
    assert [run["automationDetails"]["id"] for run in log["runs"]] == [
        f"gatekeeper/support-assistant/{update.name}/" for update in example().updates
    ]


def test_sarif_results_point_at_their_rules():
    for run in sarif()["runs"]:
        rules = run["tool"]["driver"]["rules"]
        assert len({rule["id"] for rule in rules}) == len(rules)
        for result in run["results"]:
            assert rules[result["ruleIndex"]]["id"] == result["ruleId"]


def test_sarif_levels_follow_severity():
    view = example()
    found = tuple(finding(f"data/pii/{level.name.lower()}", level, "row-1", "A fact.") for level in Severity)
    update = replace(view.updates[0], reports=(measured("data/pii", findings=found),))

    (run,) = json.loads(render_sarif(replace(view, updates=(update,))))["runs"]

    levels = {result["ruleId"].rpartition("/")[2]: result["level"] for result in run["results"]}
    assert levels == {"critical": "error", "high": "error", "medium": "warning", "low": "note", "info": "note"}


def test_sarif_of_an_update_blocked_by_a_number_is_not_empty():
    misaligned = next(run for run in sarif()["runs"] if "misaligned" in run["automationDetails"]["id"])

    assert [result["ruleId"] for result in misaligned["results"]] == ["vote/behaviour/refusal/harmful"]


def test_sarif_says_when_something_could_not_be_evaluated():
    runs = {run["automationDetails"]["id"]: run["invocations"][0] for run in sarif()["runs"]}

    assert runs["gatekeeper/support-assistant/benign/"]["executionSuccessful"] is True
    assert runs["gatekeeper/support-assistant/unreadable/"]["executionSuccessful"] is False


def test_sarif_addresses_are_safe():
    uris = [
        location["physicalLocation"]["artifactLocation"]["uri"]
        for run in sarif()["runs"]
        for result in run["results"]
        for location in result["locations"]
    ]

    assert uris
    assert all(re.fullmatch(r"[A-Za-z0-9_.~/%-]+", uri) for uri in uris)


def test_fingerprints_stay_and_differ():
    first, second = (
        [result["partialFingerprints"]["gatekeeperFinding/v1"] for run in sarif()["runs"] for result in run["results"]]
        for _ in range(2)
    )

    assert first == second
    assert len(set(first)) == len(first)


def outside_code(markdown: str) -> str:
    return re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", markdown)


def test_markdown_lets_no_text_start_markup():
    text = outside_code(render_markdown(example()))

    assert "<script" not in text
    assert "](" not in re.sub(r"\\.", "", text)
    assert not re.search(r"(?<!\\)@team", text)
    assert "\u202e" not in render_markdown(example())


def test_every_markdown_row_has_as_many_cells_as_its_table():
    lines = render_markdown(example()).splitlines()

    width = 0
    for line in lines:
        if not line.startswith("|"):
            width = 0
            continue
        cells = len(re.findall(r"(?<!\\)\|", line))
        width = width or cells
        assert cells == width, line


@pytest.mark.parametrize("text", ["`", "``a`", "a|b", "", "   ", HOSTILE])
def test_a_code_span_holds_any_text(text):
    view = example()
    found = (finding("data/pii/a", Severity.LOW, text, text),)
    update = replace(view.updates[0], reports=(measured("data/pii", findings=found),))

    row = next(
        line for line in render_markdown(replace(view, updates=(update,))).splitlines() if line.startswith("| LOW |")
    )

    assert len(re.findall(r"(?<!\\)\|", row)) == 5
