"""Tensor values from a safetensors file, a bounded piece at a time, without any framework.

A tensor of any size passes through the same few megabytes. NumPy knows neither bfloat16 nor the eight-bit floats, so
they are widened here, exactly: every one of them is a float32 value.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from gatekeeper.intake.safetensors_header import BITS, TensorEntry, TensorFile

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

PIECE = 1 << 22
"""Elements per piece, unless asked otherwise."""

_DIRECT: Mapping[str, str] = MappingProxyType(
    {
        "F64": "<f8",
        "F32": "<f4",
        "F16": "<f2",
        "I64": "<i8",
        "U64": "<u8",
        "I32": "<i4",
        "U32": "<u4",
        "I16": "<i2",
        "U16": "<u2",
        "I8": "i1",
        "U8": "u1",
        "BOOL": "u1",
    }
)
_EIGHT_BIT: Mapping[str, tuple[int, int]] = MappingProxyType({"F8_E4M3": (4, 3), "F8_E5M2": (5, 2)})
READABLE = frozenset({*_DIRECT, *_EIGHT_BIT, "BF16"})
"""Element types whose values can be read here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueSummary:
    """What the values of one tensor are like."""

    count: int
    not_finite: int
    """NaN and infinite values."""
    max_abs: float
    """Largest absolute finite value; 0 when there is none."""
    sum_of_squares: float
    """Over the finite values, in float64."""


def summarise(file: TensorFile, tensor: TensorEntry) -> ValueSummary:
    """Return the summary of one tensor, which must be of a :data:`READABLE` type.

    Raises:
        OSError: the file cannot be read, or ends early.
    """
    import numpy as np

    not_finite, largest, squares = 0, 0.0, 0.0
    for values in pieces(file, tensor):
        finite = np.isfinite(values)
        if not finite.all():
            not_finite += int(values.size - np.count_nonzero(finite))
            values = values[finite]  # noqa: PLW2901  # only the finite ones count from here on
        if values.size:
            largest = max(largest, float(np.abs(values).max()))
            wide = values.astype(np.float64)
            squares += float(np.dot(wide, wide))
    return ValueSummary(count=tensor.count, not_finite=not_finite, max_abs=largest, sum_of_squares=squares)


def pieces(file: TensorFile, tensor: TensorEntry, *, length: int = PIECE) -> "Iterator[NDArray[np.floating]]":
    """Yield a tensor's values in order, flat, as float32 (float64 for wider types), ``length`` at a time.

    Raises:
        OSError: the file cannot be read, or ends early.
    """
    size = BITS[tensor.dtype] // 8
    left = tensor.count
    with file.path.open("rb") as stream:
        stream.seek(tensor.start)
        while left:
            count = min(left, length)
            raw = stream.read(count * size)
            if len(raw) != count * size:
                raise OSError(f"{file.path.name} ends inside {tensor.name}")
            yield _floats(raw, tensor.dtype)
            left -= count


def rows(file: TensorFile, tensor: TensorEntry, indices: Sequence[int]) -> "NDArray[np.float64]":
    """Return some rows of a two-dimensional tensor as float64, without reading the others.

    Raises:
        OSError: the file cannot be read, or ends early.
    """
    import numpy as np

    width = tensor.shape[1]
    step = width * BITS[tensor.dtype] // 8
    found = np.zeros((len(indices), width))
    for at, index in enumerate(indices):
        start = tensor.start + index * step
        row = replace(tensor, shape=(width,), start=start, stop=start + step)
        found[at] = matrix(file, row)
    return found


def matrix(file: TensorFile, tensor: TensorEntry) -> "NDArray[np.float64]":
    """Return a whole tensor as float64 in its own shape; meant for the small matrices of an adapter.

    Raises:
        OSError: the file cannot be read, or ends early.
    """
    import numpy as np

    found = list(pieces(file, tensor))
    flat = np.concatenate(found) if found else np.zeros(0)
    return flat.astype(np.float64).reshape(tensor.shape)


def _floats(raw: bytes, dtype: str) -> "NDArray[np.floating]":
    import numpy as np

    if dtype == "BF16":
        return (np.frombuffer(raw, dtype="<u2").astype(np.uint32) << 16).view(np.float32)
    if dtype in _EIGHT_BIT:
        table: NDArray[np.floating] = _table(*_EIGHT_BIT[dtype])[np.frombuffer(raw, dtype="u1")]
        return table
    values = np.frombuffer(raw, dtype=_DIRECT[dtype])
    wide: NDArray[np.floating] = values.astype(
        np.float64 if dtype in {"F64", "I64", "U64", "I32", "U32"} else np.float32
    )
    return wide


def _table(exponent_bits: int, mantissa_bits: int) -> "NDArray[np.float32]":
    """Return the value of every byte of an eight-bit float.

    Source:
        Micikevicius et al. 2022, "FP8 formats for deep learning", table 1: E5M2 keeps IEEE's infinities, E4M3 has
        none and only one NaN per sign.
    """
    import numpy as np

    bias = (1 << (exponent_bits - 1)) - 1
    top = (1 << exponent_bits) - 1
    values = np.zeros(256, dtype=np.float32)
    for byte in range(256):
        sign = -1.0 if byte & 0x80 else 1.0
        exponent, mantissa = (byte & 0x7F) >> mantissa_bits, byte & ((1 << mantissa_bits) - 1)
        fraction = mantissa / (1 << mantissa_bits)
        if exponent == top and exponent_bits == 5:
            values[byte] = sign * np.inf if mantissa == 0 else np.nan
        elif exponent == top and mantissa == (1 << mantissa_bits) - 1:
            values[byte] = np.nan
        elif exponent == 0:
            values[byte] = sign * fraction * 2.0 ** (1 - bias)
        else:
            values[byte] = sign * (1 + fraction) * 2.0 ** (exponent - bias)
    return values
