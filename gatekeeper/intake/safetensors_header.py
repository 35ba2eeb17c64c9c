"""The header of a safetensors file, read and checked without touching a tensor.

Order: eight bytes of length, that many bytes of JSON, then the tensors back to back up to the last byte of the file.
Everything that format allows no room for (a hole, an overlap, a byte after the end, a key twice) is an error, because
that is where a second file hides.

Source:
    https://huggingface.co/docs/safetensors, section "Format".
"""

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from gatekeeper.core.errors import InputError
from gatekeeper.intake.strict_json import StrictJsonError, parse_json

BITS: Mapping[str, int] = MappingProxyType(
    {
        **dict.fromkeys(("F64", "I64", "U64", "C64"), 64),
        **dict.fromkeys(("F32", "I32", "U32"), 32),
        **dict.fromkeys(("F16", "BF16", "I16", "U16"), 16),
        **dict.fromkeys(("I8", "U8", "BOOL", "F8_E4M3", "F8_E5M2", "F8_E8M0"), 8),
        **dict.fromkeys(("F6_E2M3", "F6_E3M2"), 6),
        "F4": 4,
    }
)
"""Bits per element of every element type the format names."""

MAX_HEADER = 100_000_000
"""The format's own limit, in bytes."""

MAX_DIMENSIONS = 16
"""More than any framework writes; keeps a product of dimensions small enough to compute."""
MAX_NAME = 500
"""Longest name of a tensor, in characters; module paths stay far below."""


class MalformedTensors(InputError):
    """A safetensors file breaks its own format."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorEntry:
    """Where one tensor lies."""

    name: str
    dtype: str
    """A key of :data:`BITS`."""
    shape: tuple[int, ...]
    start: int
    """Offset of the first byte in the file."""
    stop: int
    """Offset after the last byte in the file."""

    @property
    def count(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class TensorFile:
    """One well-formed safetensors file."""

    path: Path
    tensors: tuple[TensorEntry, ...]
    """In the order they lie in the file."""
    metadata: Mapping[str, str]

    def by_name(self) -> dict[str, TensorEntry]:
        """Return the tensors by name."""
        return {tensor.name: tensor for tensor in self.tensors}


def read_header(path: Path) -> TensorFile:
    """Return what a safetensors file says it holds, once that is consistent with the file's size.

    Raises:
        MalformedTensors: the file breaks the format; the message says where.
    """
    try:
        with path.open("rb") as stream:
            size = os.fstat(stream.fileno()).st_size
            prefix = stream.read(8)
            if len(prefix) < 8:
                raise _malformed(path, f"it is {size} bytes long, too short for a header")
            length = int.from_bytes(prefix, "little")
            if length > MAX_HEADER:
                raise _malformed(path, f"its header claims {length} bytes, over the format's limit of {MAX_HEADER}")
            if length > size - 8:
                raise _malformed(path, f"its header claims {length} bytes, and only {size - 8} follow")
            raw = stream.read(length)
    except OSError as error:
        raise _malformed(path, f"it cannot be read ({error.strerror})") from error
    return _checked(path, raw, first=8 + length, size=size)


def _checked(path: Path, raw: bytes, *, first: int, size: int) -> TensorFile:
    if not raw.startswith(b"{"):
        raise _malformed(path, "its header is no JSON object")
    try:
        header = parse_json(raw.rstrip(b" "))
    except StrictJsonError as error:
        raise _malformed(path, f"its header is no strict JSON: {error}") from error
    if not isinstance(header, dict):
        raise _malformed(path, "its header is no JSON object")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise _malformed(path, "its metadata is no mapping from text to text")
    tensors = sorted(
        (_tensor(path, name, value, first=first) for name, value in header.items()),
        key=lambda tensor: (tensor.start, tensor.stop),
    )
    end = first
    for tensor in tensors:
        if tensor.start != end:
            what = "overlaps the tensor before it" if tensor.start < end else "leaves unnamed bytes before it"
            raise _malformed(path, f"the tensor {tensor.name!r} {what}")
        end = tensor.stop
    if end > size:
        raise _malformed(path, f"it is cut short: its tensors need {end} bytes, and it has {size}")
    if end < size:
        raise _malformed(path, f"{size - end} bytes follow the last tensor")
    return TensorFile(path=path, tensors=tuple(tensors), metadata=metadata)


def _tensor(path: Path, name: str, value: object, *, first: int) -> TensorEntry:
    if len(name) > MAX_NAME:
        raise _malformed(path, f"a tensor's name is {len(name)} characters long")
    if not isinstance(value, dict) or set(value) != {"dtype", "shape", "data_offsets"}:
        raise _malformed(path, f"the tensor {name!r} is not described by dtype, shape and data_offsets")
    dtype, shape, offsets = value["dtype"], value["shape"], value["data_offsets"]
    if not isinstance(dtype, str) or dtype not in BITS:
        raise _malformed(path, f"the tensor {name!r} has an unknown element type")
    if not _naturals(shape) or not _naturals(offsets) or len(offsets) != 2 or len(shape) > MAX_DIMENSIONS:
        raise _malformed(path, f"the tensor {name!r} has a shape or offsets that no tensor has")
    tensor = TensorEntry(name=name, dtype=dtype, shape=tuple(shape), start=first + offsets[0], stop=first + offsets[1])
    bits = tensor.count * BITS[dtype]
    if bits % 8 or bits // 8 != tensor.stop - tensor.start:
        raise _malformed(path, f"the tensor {name!r} has a shape that does not fit its bytes")
    return tensor


def _naturals(value: object) -> bool:
    return isinstance(value, list) and all(
        isinstance(item, int) and not isinstance(item, bool) and 0 <= item < 1 << 53 for item in value
    )


def _malformed(path: Path, why: str) -> MalformedTensors:
    return MalformedTensors(f"{path.name} is no sound safetensors file: {why}.", hint="Save the weights again.")
