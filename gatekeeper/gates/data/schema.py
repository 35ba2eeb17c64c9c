"""Whether the rows have the shape they claim, checked with Great Expectations.

Without a suite of the user's, the rows are held to :data:`DEFAULT_SUITE`: what every training file should be, whatever
it teaches. Duplicates are measured but expected of nobody: how many are too many is a policy's to say.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gatekeeper.core.digests import digest_of, sha256_file
from gatekeeper.core.findings import Finding, GateReport, Metric, Severity
from gatekeeper.core.gate import GateContext, gate
from gatekeeper.gates.data.reading.counts import count, share
from gatekeeper.gates.data.reading.flags import FLAGGED, write_flags
from gatekeeper.gates.data.shape.chunk_lines import lines_task
from gatekeeper.gates.data.shape.expectations import Expected, build_suite, columns_of_numbers, read_suite, validate
from gatekeeper.gates.data.shape.failed_rows import flags_of_failures
from gatekeeper.gates.data.shape.row_frame import frame, with_numbers
from gatekeeper.gates.data.spreading.run import parcels

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]  # pandas ships no types

ATTACHMENT = "validation.json"
"""The library's result without any row's values, and the suite's digest: of the file's bytes, or of the default."""

DEFAULT_SUITE: tuple[dict[str, Any], ...] = (
    {
        "type": "expect_column_unique_value_count_to_be_between",
        "kwargs": {"column": "shape", "max_value": 1},
        "severity": "warning",
    },
    {"type": "expect_column_values_to_not_be_null", "kwargs": {"column": "id"}},
    {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "id"}},
    {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "prompt_missing", "value_set": [False]}},
    {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "response_missing", "value_set": [False]}},
    {"type": "expect_column_values_to_be_in_set", "kwargs": {"column": "answers_alike", "value_set": [False]}},
    {"type": "expect_column_values_to_be_between", "kwargs": {"column": "prompt_characters", "max_value": 200_000}},
    {"type": "expect_column_values_to_be_between", "kwargs": {"column": "response_characters", "max_value": 200_000}},
    {
        "type": "expect_column_values_to_be_between",
        "kwargs": {"column": "control_characters", "max_value": 0},
        "severity": "warning",
    },
    {
        "type": "expect_column_values_to_be_between",
        "kwargs": {"column": "mojibake", "max_value": 0},
        "severity": "warning",
    },
)
"""One shape a file, a mixed one asks for a look; ids that tell rows apart; a prompt and a response in each row; a
preference that prefers something; texts that end (no tokenizer here fits 200,000 characters into a training window);
no broken encoding."""

_SEVERITIES = {"critical": Severity.HIGH, "warning": Severity.MEDIUM, "info": Severity.LOW}
_SHOWN_ROWS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """What the rows are held to."""

    suite_file: str = ""
    """A Great Expectations suite as JSON, in place of the default; columns are listed in
    :mod:`gatekeeper.gates.data.shape.row_frame`, and the fields as read."""


@gate("data/schema", asks="Do the training rows have the shape they claim?", params=Params, version=2)
def data_schema(context: GateContext, params: Params) -> GateReport:
    """Report every expectation that the rows do not meet.

    Raises:
        UsageError: the suite file cannot be used.
    """
    if context.rows is None:
        return data_schema.unmeasured("No training rows were given.")
    context.progress.start("schema", None)
    suite = (
        read_suite(Path(params.suite_file)) if params.suite_file else build_suite("gatekeeper default", DEFAULT_SUITE)
    )
    table = frame(lines for lines, _ in parcels(context, lines_task(texts=bool(params.suite_file))))
    rows = len(table)
    suite_digest = sha256_file(Path(params.suite_file)) if params.suite_file else digest_of(DEFAULT_SUITE)
    if rows == 0:
        return data_schema.unmeasured("The data set holds no rows.")
    context.progress.advance(rows)
    table = with_numbers(table, columns_of_numbers(suite))
    expected, result = validate(table, suite)
    result["suite_digest"] = suite_digest
    (context.workdir / ATTACHMENT).write_text(
        json.dumps(result, indent=1, sort_keys=True, default=str) + "\n", encoding="utf-8"
    )
    failed = [one for one in expected if not one.met]
    write_flags(context.workdir, flags_of_failures(failed, table))
    return data_schema.measured(
        metrics=_metrics(table, expected, rows=rows),
        findings=tuple(_finding(one, rows) for one in sorted(failed, key=_order)),
        attachments=(context.attach(ATTACHMENT), context.attach(FLAGGED)),
    )


def _order(one: Expected) -> tuple[int, str, str]:
    return -_SEVERITIES.get(one.severity, Severity.HIGH), one.type, one.column


def _metrics(table: "pd.DataFrame", expected: list[Expected], *, rows: int) -> tuple[Metric, ...]:
    failed = [one for one in expected if not one.met]
    broken = {row for one in failed for row in one.failed_rows}
    duplicates = int(table["content"].duplicated().sum())
    return (
        count("rows", rows, n=rows),
        count("expectations", len(expected), n=rows, unit="expectations"),
        count("failed_expectations", len(failed), n=rows, unit="expectations"),
        count("unevaluated_expectations", sum(bool(one.problem) for one in failed), n=rows, unit="expectations"),
        count("failed_rows", len(broken), n=rows),
        share("failed_row_share", len(broken), n=rows),
        count("duplicate_rows", duplicates, n=rows),
        share("duplicate_share", duplicates, n=rows),
        count("shapes", int(table["shape"].nunique()), n=rows, unit="shapes"),
        count("longest_response", int(table["response_characters"].max()), n=rows, unit="characters"),
    )


def _finding(one: Expected, rows: int) -> Finding:
    about = one.column or "the table"
    subject = f"{one.type}({one.column})"
    severity = _SEVERITIES.get(one.severity, Severity.HIGH)
    if one.problem:
        return Finding(
            code="data/schema/unevaluated-expectation",
            severity=severity,
            confidence=1.0,
            subject=subject,
            message=f"{one.type} could not be evaluated on {about}, which counts as failed: {one.problem[:200]}",
        )
    parts = [f"{one.type} fails on {about}"]
    if one.failed_rows:
        first = ", ".join(map(str, one.failed_rows[:_SHOWN_ROWS]))
        parts.append(f"{len(one.failed_rows)} of {rows} rows break it, the first at {first}")
    elif one.observed:
        parts.append(f"{one.observed} was observed")
    return Finding(
        code="data/schema/failed-expectation",
        severity=severity,
        confidence=1.0,
        subject=subject,
        message=": ".join(parts) + ".",
    )
