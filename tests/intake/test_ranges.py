"""The ranges of a file, read one after the other, are the file."""

import gzip
import json
from dataclasses import replace
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatekeeper.core.errors import InputError
from gatekeeper.core.rows import Provenance, RowShape, TrainingRow, Turn
from gatekeeper.intake import ranges, records
from gatekeeper.intake.ranges import line_ranges, ranges_of, read_range
from gatekeeper.intake.row_spool import line_of_row, row_from_line
from gatekeeper.intake.rows import open_rows

LINE = st.sampled_from(["", "  ", "\t", '{"text": "one"}', '{"text": "zwei é", "id": "x"}', ' {"text": "\\n"} ', "\r"])


def read(path, size):
    return [row for place in ranges_of(path, size) for row in read_range(place)]


@given(st.lists(LINE, max_size=30), st.integers(1, 7), st.sampled_from(["\n", "\r\n"]), st.booleans(), st.booleans())
def test_ranges_of_lines_are_the_file(tmp_path_factory, lines, size, end, marked, ended):
    path = tmp_path_factory.mktemp("lines") / "rows.jsonl"
    text = end.join(['{"text": "first"}', *lines]) + (end if ended else "")
    path.write_bytes((b"\xef\xbb\xbf" if marked else b"") + text.encode())

    found = read(path, size)

    assert found == list(open_rows(path))
    assert [place.first for place in ranges_of(path, size)] == list(range(0, len(found), size))


@pytest.mark.parametrize("group", [1, 3, 7, 50])
@pytest.mark.parametrize("size", [1, 5, 7, 100])
def test_ranges_of_parquet_are_the_file(tmp_path, group, size):
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"text": [f"row {at}" for at in range(50)]}), path, row_group_size=group)

    assert read(path, size) == list(open_rows(path))


def test_parquet_that_changed_is_not_read(tmp_path):
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"text": ["one", "two"]}), path)
    (place,) = ranges_of(path, 10)
    pq.write_table(pa.table({"text": ["one", "tw0"]}), path)

    with pytest.raises(InputError, match="sees another file"):
        list(read_range(place))


@pytest.mark.parametrize("name", ["rows.jsonl.gz", "rows.json", "rows.csv"])
def test_other_formats_have_no_ranges(tmp_path, name):
    path = tmp_path / name
    content = b"text\none\n" if name.endswith(".csv") else b'{"text": "one"}\n'
    path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)

    assert ranges_of(path, 10) is None
    assert len(list(open_rows(path))) == 1


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        pytest.param(b"{", "line 6: is no JSON", id="json"),
        pytest.param(b"\xff", "line 6: is not UTF-8", id="utf-8"),
        pytest.param(b'{"other": 1}', "line 6: has no known shape", id="shape"),
        pytest.param(b'{"text": "' + b"x" * 2000 + b'"}', "line 6: is longer", id="long"),
    ],
)
def test_a_bad_line_is_the_same_error_as_in_the_whole_file(tmp_path, monkeypatch, bad, says):
    for module in (records, ranges):
        monkeypatch.setattr(module, "MAX_ROW", 1000)
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"text": "one"}\n\n' * 2 + b'{"text": "two"}\n' + bad + b"\n" + b'{"text": "three"}\n' * 5)
    with pytest.raises(InputError) as whole:
        list(open_rows(path))

    with pytest.raises(InputError) as parted:
        read(path, 2)

    assert str(parted.value) == str(whole.value)
    assert says in str(whole.value)


@pytest.mark.parametrize("change", [{"end": 20}, {"begin": 3}, {"rows": 1}, {"sha256": "sha256:" + "0" * 64}])
def test_a_range_of_another_file_gives_no_rows(tmp_path, change):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "one"}\n{"text": "two"}\n', encoding="utf-8")
    (place,) = ranges_of(path, 10)

    with pytest.raises(InputError):
        list(read_range(replace(place, **change)))


def test_a_file_that_was_cut_short_gives_no_rows(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text('{"text": "one"}\n{"text": "two"}\n', encoding="utf-8")
    (place,) = ranges_of(path, 10)
    path.write_text('{"text": "one"}\n', encoding="utf-8")

    with pytest.raises(InputError, match="sees another file"):
        list(read_range(place))


ROW = st.builds(
    TrainingRow,
    index=st.integers(0, 9),
    id=st.text(),
    shape=st.sampled_from(RowShape),
    fields=st.lists(st.tuples(st.text(), st.text(alphabet=st.characters())), max_size=3).map(tuple),
    prompt=st.text(alphabet=st.characters()),
    response=st.text(),
    rejected=st.none() | st.text(),
    turns=st.lists(st.builds(Turn, role=st.text(), text=st.text()), max_size=2).map(tuple),
    provenance=st.builds(
        Provenance,
        contributor=st.none() | st.text(),
        at=st.none() | st.just(datetime(2026, 3, 1, 12, 30, 1, 250_000, tzinfo=UTC)),
        label=st.none() | st.text(),
    ),
)


@given(ROW)
def test_a_row_is_its_line(row):
    line = line_of_row(row)

    assert row_from_line(line) == row
    assert line.isascii()
    assert line.count("\n") == 1


def test_written_rows_have_ranges(tmp_path):
    rows = [
        TrainingRow(index=at * 3, id=f"row {at}", shape=RowShape.TEXT, fields=(), prompt="", response="\ud800")
        for at in range(10)
    ]
    path = tmp_path / "spool.jsonl"
    path.write_text("".join(map(line_of_row, rows)), encoding="ascii")

    places = list(line_ranges(path, ranges.ROWS, 4))

    assert [row for place in places for row in read_range(place)] == rows
    assert [json.loads(json.dumps(place.first)) for place in places] == [0, 4, 8]
