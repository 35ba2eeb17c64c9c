"""The rows that break an expectation, as flags."""

from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from gatekeeper.gates.data.reading.flags import RowFlag
from gatekeeper.gates.data.shape.expectations import Expected
from gatekeeper.gates.data.shape.row_frame import ROW

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]  # pandas ships no types

_WORDS: Mapping[tuple[str, str], str] = MappingProxyType(
    {
        ("expect_column_values_to_be_unique", "id"): "another row has the same id",
        ("expect_column_values_to_be_in_set", "prompt_missing"): "there is no prompt",
        ("expect_column_values_to_be_in_set", "response_missing"): "there is no response",
        ("expect_column_values_to_be_in_set", "answers_alike"): "the chosen and the rejected answer are the same",
        ("expect_column_values_to_be_between", "prompt_characters"): "the prompt is longer than any training window",
        (
            "expect_column_values_to_be_between",
            "response_characters",
        ): "the response is longer than any training window",
        ("expect_column_values_to_be_between", "control_characters"): "the text holds control characters",
        ("expect_column_values_to_be_between", "mojibake"): "the text was decoded wrongly",
    }
)
"""The default suite in words; a suite of the user's own is quoted."""


def flags_of_failures(failed: Iterable[Expected], table: "pd.DataFrame") -> Iterator[RowFlag]:
    """Yield a flag for every row that breaks an expectation about single rows.

    Args:
        failed: expectations that were not met.
        table: of :func:`gatekeeper.gates.data.shape.row_frame.frame`.
    """
    ids = dict(zip(table[ROW], table["id"], strict=True))
    for one in failed:
        broken = f"it breaks {one.type}" + (f" on {one.column}" if one.column else "")
        for row in one.failed_rows:
            yield RowFlag(
                row=row,
                id=str(ids[row]),
                test=f"{one.type}:{one.column}" if one.column else one.type,
                reason=_WORDS.get((one.type, one.column), broken),
                release="Correct the row, or a named reviewer finds that it may stay as it is.",
            )
