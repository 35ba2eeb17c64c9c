"""Great Expectations over a table in memory: nothing is written to disk, printed or sent.

Fail closed: an expectation that cannot be read makes the suite unusable, where the library only logs it and goes on;
one that cannot be evaluated (its column is missing) is failed, and said to be so. Values of rows never leave the
library's result: failures name row numbers.
"""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gatekeeper.core.errors import UsageError
from gatekeeper.gates.data.shape.row_frame import ROW

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]  # pandas ships no types
    from great_expectations import ExpectationSuite

_VALUES = frozenset(
    {
        "details",
        "observed_value",
        "partial_unexpected_counts",
        "partial_unexpected_list",
        "partial_unexpected_index_list",
        "unexpected_index_list",
        "unexpected_index_query",
        "unexpected_list",
        "unexpected_rows",
    }
)
"""Parts of a result that may quote rows."""


_OF_NUMBERS = frozenset(
    f"expect_column_{name}"
    for name in (
        "mean_to_be_between",
        "median_to_be_between",
        "pair_values_a_to_be_greater_than_b",
        "quantile_values_to_be_between",
        "stdev_to_be_between",
        "sum_to_be_between",
        "value_z_scores_to_be_less_than",
    )
)
"""Expectations that mean nothing for texts."""
_OF_VALUES = frozenset(
    f"expect_column_{name}"
    for name in (
        "distinct_values_to_be_in_set",
        "distinct_values_to_contain_set",
        "distinct_values_to_equal_set",
        "max_to_be_between",
        "min_to_be_between",
        "most_common_value_to_be_in_set",
        "values_to_be_between",
        "values_to_be_in_set",
        "values_to_not_be_in_set",
    )
)
"""Expectations that compare values with those they are given: numbers where these are. Others count characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What became of one expectation."""

    type: str
    """``expect_…``, as the suite names it."""
    column: str
    """What it looks at; empty for the whole table."""
    met: bool
    severity: str
    """``critical``, ``warning`` or ``info``, as the suite says."""
    failed_rows: tuple[int, ...]
    """Row numbers that break it, where it speaks of single rows."""
    unexpected: int
    """How many values break it."""
    observed: str
    """A number the library observed, as text; empty when it observed something else."""
    problem: str
    """Why it could not be evaluated; empty when it could."""


def read_suite(path: Path) -> "ExpectationSuite":
    """Return the suite in a JSON file, as Great Expectations 1 writes it (the older ``expectation_type`` is read too).

    Raises:
        UsageError: the file is missing, no JSON, no suite, empty, or holds an expectation the library does not know.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(
            f"The expectation suite {path} cannot be read.", hint="Check the path in the policy's suite_file."
        ) from error
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise UsageError(
            f"The expectation suite {path} is no JSON.", hint="Save it with ExpectationSuite.to_json_dict()."
        ) from error
    listed = content.get("expectations") if isinstance(content, dict) else None
    if not isinstance(listed, list) or not listed or not all(isinstance(one, dict) for one in listed):
        raise UsageError(
            f"The expectation suite {path} lists no expectations.",
            hint='It needs an object with a list "expectations", each with "type" and "kwargs".',
        )
    name = str(content.get("name") or content.get("expectation_suite_name") or path.stem)
    return build_suite(name, listed)


def build_suite(name: str, listed: Sequence[Mapping[str, Any]]) -> "ExpectationSuite":
    """Return a suite of these expectations.

    Raises:
        UsageError: the library does not know one of them or its arguments.
    """
    from great_expectations import ExpectationSuite

    suite = ExpectationSuite(name=name)
    for at, one in enumerate(listed):
        type_ = str(one.get("type") or one.get("expectation_type") or "")
        settings = {key: one[key] for key in ("kwargs", "meta", "severity") if one.get(key) is not None}
        wrong = UsageError(
            f"Expectation {at + 1} of suite {name}, {type_ or 'without a type'}, is unknown or has wrong arguments.",
            hint="Check its type and kwargs against the Great Expectations gallery.",
        )
        try:
            with _quiet():
                # The constructor logs an unknown type and leaves it out; built one by one, none can get lost.
                built = ExpectationSuite(name=name, expectations=[{"kwargs": {}, **settings, "type": type_}])
        except (TypeError, ValueError) as error:  # pydantic's errors among them
            raise wrong from error
        if len(built.expectations) != 1:
            raise wrong
        suite.expectations.extend(built.expectations)
    return suite


def columns_of_numbers(suite: "ExpectationSuite") -> frozenset[str]:
    """Return the columns whose values the suite compares with numbers."""
    columns: set[str] = set()
    for one in suite.expectations:
        kwargs = one.configuration.to_json_dict()["kwargs"]
        if one.expectation_type in _OF_NUMBERS or (one.expectation_type in _OF_VALUES and _names_numbers(kwargs)):
            columns |= {str(kwargs[key]) for key in ("column", "column_A", "column_B") if kwargs.get(key)}
    return frozenset(columns)


def _names_numbers(kwargs: Mapping[str, Any]) -> bool:
    values = [kwargs.get("min_value"), kwargs.get("max_value"), *(kwargs.get("value_set") or ())]
    given = [value for value in values if value is not None]
    return bool(given) and all(isinstance(value, int | float) and not isinstance(value, bool) for value in given)


def validate(table: "pd.DataFrame", suite: "ExpectationSuite") -> tuple[list[Expected], dict[str, Any]]:
    """Return what became of each expectation, and the library's result without any row's values."""
    import great_expectations as gx
    from great_expectations.data_context.types.base import ProgressBarsConfig

    with _quiet():
        context = gx.get_context(mode="ephemeral")
        context.enable_analytics(enable=False)
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        source = context.data_sources.add_pandas("rows")
        batch = source.add_dataframe_asset("rows").add_batch_definition_whole_dataframe("all")
        wanted = {"result_format": "COMPLETE", "unexpected_index_column_names": [ROW]}
        result = batch.get_batch(batch_parameters={"dataframe": table}).validate(suite, result_format=wanted)
    plain = result.to_json_dict()
    return [_expected(one) for one in plain["results"]], _without_values(plain)


def _expected(one: Mapping[str, Any]) -> Expected:
    settings = one["expectation_config"]
    kwargs = settings.get("kwargs", {})
    found = one.get("result") or {}
    columns = [str(kwargs[key]) for key in ("column", "column_A", "column_B", "column_list") if kwargs.get(key)]
    places = found.get("unexpected_index_list") or ()
    observed = found.get("observed_value")
    return Expected(
        type=str(settings["type"]),
        column=", ".join(columns),
        met=bool(one["success"]),
        severity=str(settings.get("severity") or "critical"),
        failed_rows=tuple(sorted({int(place[ROW]) for place in places if isinstance(place, dict) and ROW in place})),
        unexpected=int(found.get("unexpected_count") or 0),
        observed=f"{observed:.6g}" if isinstance(observed, int | float) and not isinstance(observed, bool) else "",
        problem=_problem(one.get("exception_info") or {}),
    )


def _problem(info: Mapping[str, Any]) -> str:
    """Return the first message of an exception; its traceback, full of paths, stays behind."""
    entries = [info, *(value for value in info.values() if isinstance(value, dict))]
    for entry in entries:
        if entry.get("raised_exception"):
            return str(entry.get("exception_message") or "no message").splitlines()[0]
    return ""


def _without_values(plain: Mapping[str, Any]) -> dict[str, Any]:
    results = []
    for one in plain["results"]:
        found = one.get("result") or {}
        observed = found.get("observed_value")
        kept = {key: value for key, value in found.items() if key not in _VALUES}
        if isinstance(observed, int | float):
            kept["observed_value"] = observed
        kept["unexpected_rows"] = list(_expected(one).failed_rows)
        settings = dict(one["expectation_config"])
        settings["kwargs"] = {key: value for key, value in settings.get("kwargs", {}).items() if key != "batch_id"}
        results.append(
            {
                "success": one["success"],
                "expectation_config": settings,
                "result": kept,
                "exception_message": _problem(one.get("exception_info") or {}),
            }
        )
    return {
        "success": plain["success"],
        "great_expectations_version": (plain.get("meta") or {}).get("great_expectations_version"),
        "suite_name": plain["suite_name"],
        "statistics": plain["statistics"],
        "results": results,
    }


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the library's log lines, tracebacks among them, off the terminal."""
    logger = logging.getLogger("great_expectations")
    before = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(before)
