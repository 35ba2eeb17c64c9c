"""An entry comes back as it was stored, or not at all."""

import sqlite3

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regression import RegressionError
from regression.cache import FILE, Cache, Output, key

OUTPUT = Output(numbers=(-1.25, 0.1 + 0.2), text="said “so”", read=7, written=3, top=b"\x00\x01")


@given(
    numbers=st.lists(st.floats(allow_nan=False, allow_infinity=False)).map(tuple),
    text=st.none() | st.text(),
    top=st.none() | st.binary(),
)
def test_an_entry_comes_back_to_the_last_bit(numbers, text, top):
    cache = Cache(None)
    output = Output(numbers=numbers, text=text, read=1, written=2, top=top)

    cache.put([("k", output)])

    assert cache.get("k") == output
    cache.close()


@pytest.mark.parametrize("column", ["body", "top", "checksum"])
def test_a_damaged_entry_is_a_miss(tmp_path, column):
    cache = Cache(tmp_path)
    cache.put([("k", OUTPUT), ("other", OUTPUT)])
    damage = sqlite3.connect(tmp_path / FILE)
    damage.execute(f"UPDATE items SET {column} = 'x' WHERE key = 'k'")  # noqa: S608 - a fixed list of columns
    damage.commit()
    damage.close()

    assert cache.get("k") is None
    assert cache.get("other") == OUTPUT


def test_an_entry_under_another_key_is_a_miss(tmp_path):
    cache = Cache(tmp_path)
    cache.put([("k", OUTPUT)])
    swap = sqlite3.connect(tmp_path / FILE)
    swap.execute("UPDATE items SET key = 'stolen'")
    swap.commit()
    swap.close()

    assert cache.get("stolen") is None


def test_a_file_that_is_no_database_starts_anew(tmp_path):
    (tmp_path / FILE).write_bytes(b"no database at all, but long enough to look like one" * 100)

    cache = Cache(tmp_path)
    cache.put([("k", OUTPUT)])

    assert cache.get("k") == OUTPUT


def test_a_folder_that_cannot_be_made_is_one_sentence(tmp_path):
    (tmp_path / "file").touch()

    with pytest.raises(RegressionError, match="cannot be opened"):
        Cache(tmp_path / "file" / "below")


def test_a_key_changes_with_every_part():
    parts = {"model": "m", "dtype": "bfloat16", "place": 0}

    keys = {key(parts), *(key({**parts, name: "other"}) for name in parts)}

    assert len(keys) == 4
