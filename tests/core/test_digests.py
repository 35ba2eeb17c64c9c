"""Digests are the same for the same value however it was built, and differ when anything does."""

import math
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gatekeeper.core.digests import canonical, decimals, digest_of, plain, sha256_bytes, sha256_file


class Colour(Enum):
    RED = "red"


@dataclass(frozen=True)
class Point:
    x: float
    tags: tuple[str, ...]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(json_values)
def test_plain_is_stable_under_itself(value):
    once = plain(value)

    assert plain(once) == once


@given(st.dictionaries(st.text(), st.integers(-1000, 1000), min_size=2))
def test_the_order_of_keys_never_matters(value):
    reordered = dict(reversed(list(value.items())))

    assert digest_of(value) == digest_of(reordered)


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_numbers_without_a_json_form_become_strings(number):
    assert isinstance(plain(number), str)


def test_dataclasses_enums_and_paths_have_a_plain_form():
    value = {"point": Point(x=0.5, tags=("a", "b")), "colour": Colour.RED, "path": Path("x/y"), "set": {"b", "a"}}

    assert plain(value) == {"point": {"x": 0.5, "tags": ["a", "b"]}, "colour": "red", "path": "x/y", "set": ["a", "b"]}


def test_a_value_without_a_plain_form_is_refused():
    with pytest.raises(TypeError, match="no plain JSON form"):
        plain(object())


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_decimals_keep_every_bit_of_a_number(number):
    written = decimals({"value": number})

    assert float(written["value"]) == number


def test_canonical_form_is_rfc_8785():
    assert canonical({"b": 1, "a": [1.0, "é"]}) == '{"a":[1,"é"],"b":1}'.encode()


def test_a_file_has_the_digest_of_its_bytes(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"x" * 3_000_000)

    assert sha256_file(path) == sha256_bytes(b"x" * 3_000_000)


def test_one_changed_byte_changes_the_digest():
    assert sha256_bytes(b"weights") != sha256_bytes(b"weightt")
