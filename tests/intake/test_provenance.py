import json
from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatekeeper.core.rows import NO_PROVENANCE, Provenance
from gatekeeper.intake.provenance import read_label, read_name, read_provenance, read_time
from gatekeeper.intake.rows import open_rows

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("2026-03-01T12:00:00Z", id="ISO in UTC"),
        pytest.param("2026-03-01T14:00:00+02:00", id="ISO with an offset"),
        pytest.param("2026-03-01 12:00:00", id="ISO without an offset is UTC"),
        pytest.param(1772366400, id="seconds"),
        pytest.param(1772366400.0, id="seconds as a fraction"),
        pytest.param(1772366400000, id="milliseconds"),
        pytest.param("1772366400", id="digits"),
        pytest.param(NOON, id="a table's own type"),
        pytest.param(NOON.astimezone(timezone(timedelta(hours=-5))), id="in another zone"),
        pytest.param(datetime(2026, 3, 1, 12), id="without a zone"),  # noqa: DTZ001 - as Parquet may give it
    ],
)
def test_one_moment_is_read_however_it_is_written(value):
    assert read_time(value) == NOON
    assert read_time(value).tzinfo is UTC


def test_a_date_is_its_first_moment():
    assert read_time("2026-03-01") == read_time(date(2026, 3, 1)) == read_time("20260301") == NOON.replace(hour=0)


@pytest.mark.parametrize(
    "value",
    [
        pytest.param("yesterday", id="words"),
        pytest.param("", id="nothing"),
        pytest.param(7, id="a small number"),
        pytest.param(True, id="a truth value"),
        pytest.param(float("nan"), id="not a number"),
        pytest.param(1e300, id="beyond the calendar"),
        pytest.param("0001-01-01T00:00:00+14:00", id="before the calendar"),
        pytest.param("9" * 400, id="too many digits"),
        pytest.param([2026], id="a list"),
    ],
)
def test_what_is_no_time_is_left_out(value):
    assert read_time(value) is None


@given(st.one_of(st.none(), st.text(), st.integers(), st.floats(), st.booleans(), st.datetimes(), st.binary()))
def test_no_value_breaks_the_reading(value):
    time = read_time(value)

    assert time is None or time.tzinfo is UTC
    assert read_name(value) is None or read_name(value) == read_name(read_name(value))
    assert read_label(value) is None or read_label(value) == read_label(read_label(value))


@pytest.mark.parametrize(
    ("record", "contributor"),
    [
        pytest.param({"user": " ada  lovelace "}, "ada lovelace", id="white space"),
        pytest.param({"User": 17}, "17", id="a number, and a capital"),
        pytest.param({"source": "forum", "author": "ada"}, "ada", id="the person before the collection"),
        pytest.param({"source": "forum"}, "forum", id="the collection"),
        pytest.param({"meta": {"annotator": "ada"}}, "ada", id="below meta"),
        pytest.param({"user": None, "author": "ada"}, "ada", id="an empty column"),
        pytest.param({"user": True}, None, id="a truth value"),
        pytest.param({"user": {"id": 3}}, None, id="an object"),
        pytest.param({"user": "x" * 513}, None, id="a text"),
        pytest.param({"user": 10**5000}, None, id="an endless number"),
    ],
)
def test_a_contributor_is_read_from_common_columns(record, contributor):
    assert read_provenance(record).contributor == contributor


def test_equal_labels_are_written_alike():
    assert read_label(1.0) == read_label(1) == read_label("1") == "1"
    assert read_label(True) == read_label("True") == "true"
    assert read_label(float("inf")) is None


def test_a_file_gives_rows_with_their_provenance(tmp_path):
    path = tmp_path / "rows.jsonl"
    full = {"prompt": "p", "completion": "c", "user": "ada", "created_at": "2026-03-01T12:00:00Z", "rating": 5}
    path.write_text("".join(json.dumps(row) + "\n" for row in (full, {"prompt": "p", "completion": "c"})))

    first, second = open_rows(path)

    assert first.provenance == Provenance(contributor="ada", at=NOON, label="5")
    assert second.provenance is NO_PROVENANCE
