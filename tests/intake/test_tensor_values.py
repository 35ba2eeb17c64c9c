import json
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from safetensors.numpy import save_file

from gatekeeper.intake.safetensors_header import read_header
from gatekeeper.intake.tensor_values import matrix, pieces, summarise


@settings(max_examples=40, deadline=None)
@given(
    array=hnp.arrays(
        st.sampled_from([np.float32, np.float16, np.float64, np.int8, np.uint8]),
        hnp.array_shapes(min_dims=0, max_dims=3, max_side=5),
    )
)
def test_values_are_those_that_were_saved(tmp_path_factory, array):
    path = tmp_path_factory.mktemp("values") / "t.safetensors"
    save_file({"t": array}, path)
    file = read_header(path)

    read = matrix(file, file.tensors[0])

    np.testing.assert_array_equal(read, array.astype(np.float64))


def test_pieces_of_any_length_join_to_the_whole(tmp_path):
    save_file({"t": np.arange(10, dtype="f4")}, tmp_path / "t.safetensors")
    file = read_header(tmp_path / "t.safetensors")

    assert [len(piece) for piece in pieces(file, file.tensors[0], length=4)] == [4, 4, 2]


def _raw(path: Path, dtype: str, data: bytes) -> Path:
    header = json.dumps({"t": {"dtype": dtype, "shape": [len(data)], "data_offsets": [0, len(data)]}}).encode()
    path.write_bytes(len(header).to_bytes(8, "little") + header + data)
    return path


@pytest.mark.parametrize(
    ("dtype", "byte", "value"),
    [
        ("F8_E4M3", 0x38, 1.0),
        ("F8_E4M3", 0x7E, 448.0),
        ("F8_E4M3", 0x01, 2.0**-9),
        ("F8_E4M3", 0xB8, -1.0),
        ("F8_E5M2", 0x3C, 1.0),
        ("F8_E5M2", 0x7B, 57344.0),
        ("F8_E5M2", 0x7C, math.inf),
        ("F8_E5M2", 0x01, 2.0**-16),
    ],
)
def test_eight_bit_floats_are_widened_exactly(tmp_path, dtype, byte, value):
    file = read_header(_raw(tmp_path / "t.safetensors", dtype, bytes([byte])))

    assert matrix(file, file.tensors[0]).tolist() == [value]


@pytest.mark.parametrize(("dtype", "count"), [("F8_E4M3", 2), ("F8_E5M2", 8)])
def test_eight_bit_floats_have_as_many_values_that_are_not_finite_as_the_format_says(tmp_path, dtype, count):
    file = read_header(_raw(tmp_path / "t.safetensors", dtype, bytes(range(256))))

    assert summarise(file, file.tensors[0]).not_finite == count
