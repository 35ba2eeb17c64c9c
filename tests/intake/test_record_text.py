"""A record as one line: the very text where the file is JSON lines, and the same value from every other format."""

import datetime as dt
import decimal
import json

import pytest

from gatekeeper.core.errors import InputError
from gatekeeper.intake.record_text import as_text, content_digest, read_texts
from gatekeeper.intake.records import read_records

ODD = '{"text": "a\\u00e9\u2028b",  "n": 1.10, "big": 123456789012345678901234567890, "z": null}'


def test_lines_of_json_come_back_as_they_were_read(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b"\xef\xbb\xbf" + ODD.encode() + b"\r\n\n  " + ODD.encode() + b"\t\n")

    assert list(read_texts(path)) == [ODD, ODD]


def test_a_carriage_return_between_tokens_never_ends_a_line(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"text":\r"one"}\n')

    [text] = read_texts(path)

    assert "\r" not in text
    assert json.loads(text) == {"text": "one"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        pytest.param("rows.json", '[{"text": "é", "n": 1e3}, {"text": "b"}]', id="an array"),
        pytest.param("rows.json", '{"data": [{"text": "a"}], "version": 1}', id="rows under data"),
        pytest.param("rows.csv", 'text,id\n"a\nb",1\nc,2\n', id="CSV"),
    ],
)
def test_other_formats_become_the_same_values_one_a_line(tmp_path, name, content):
    path = tmp_path / name
    path.write_text(content, encoding="utf-8")

    texts = list(read_texts(path))

    assert all("\n" not in text for text in texts)
    assert [json.loads(text) for text in texts] == [record for _, record in read_records(path)]


def test_moments_decimals_and_bytes_of_parquet_are_written_as_text(tmp_path):
    pa = pytest.importorskip("pyarrow")
    import pyarrow.parquet as pq

    path = tmp_path / "rows.parquet"
    row = {"text": "a", "at": dt.datetime(2026, 1, 2, tzinfo=dt.UTC), "sum": decimal.Decimal("1.50")}
    pq.write_table(pa.Table.from_pylist([{**row, "raw": b"\xff\x00"}]), path)

    [text] = read_texts(path)

    assert json.loads(text) == {"text": "a", "at": "2026-01-02T00:00:00+00:00", "sum": "1.50", "raw": "/wA="}


def test_a_value_that_json_cannot_say_is_an_error():
    with pytest.raises(InputError, match="set"):
        as_text({"text": {1}})


def test_the_digest_is_over_the_value_and_not_its_spelling():
    assert content_digest('{"a": 1, "b": "é"}') == content_digest('{"b":"\\u00e9","a":1}')
    assert content_digest('{"a": 1}') != content_digest('{"a": 1.5}')
    assert content_digest('{"a": "1"}') != content_digest('{"a": 1}')


def test_text_that_readers_would_read_differently_has_no_digest():
    with pytest.raises(InputError):
        content_digest('{"a": 1, "a": 2}')
