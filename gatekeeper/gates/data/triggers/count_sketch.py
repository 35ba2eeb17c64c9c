"""How often each key was seen, in fixed space, never too low: a count-min sketch.

Laws: counting rows in any order, or in parts that are then added, gives the same cells;
``CountSketch.from_bytes(s.to_bytes())`` counts as ``s`` does.

Source:
    Cormode and Muthukrishnan 2005, "An improved data stream summary: the count-min sketch and its applications".
"""

import struct

import numpy as np
import numpy.typing as npt

from gatekeeper.core.errors import InputError
from gatekeeper.gates.data.triggers.token_batches import Hashes

_HEAD = struct.Struct("<4sBBI")
_MAGIC = b"GKC1"
_SMALL = 255
"""What one byte holds; greater counts are listed."""
_MOST_BITS, _MOST_DEPTH = 26, 8
_FACTORS = np.array(
    [
        0x9E3779B97F4A7C15,
        0xD6E8FEB86659FD93,
        0xA0761D6478BD642F,
        0xE7037ED1A0B428DB,
        0x8EBC6AF09C88C6E3,
        0x589965CC75374CC3,
        0x1D8E4E27C47D124F,
        0xEB44ACCAB455D165,
    ],
    dtype=np.uint64,
)
"""Odd factors of the multiply-shift hash of each line."""


class CountSketch:
    """Counts of 64-bit keys; a count is never too low."""

    def __init__(self, *, bits: int, depth: int) -> None:
        """Make an empty sketch of ``depth`` lines with 2**bits cells of four bytes each."""
        self.bits, self.depth = bits, depth
        self.cells: npt.NDArray[np.uint32] = np.zeros((depth, 1 << bits), dtype=np.uint32)

    @classmethod
    def of_cells(cls, cells: npt.NDArray[np.uint32]) -> "CountSketch":
        """Return a sketch over these cells, (lines, 2**bits), which stay where they are."""
        sketch = cls.__new__(cls)
        sketch.depth, sketch.bits = len(cells), cells.shape[1].bit_length() - 1
        sketch.cells = cells
        return sketch

    def add(self, keys: Hashes) -> None:
        """Count each key once for each time it stands in ``keys``."""
        for line, places in enumerate(self._places(keys)):
            np.add.at(self.cells[line], places, np.uint32(1))

    def counts(self, keys: Hashes) -> npt.NDArray[np.int64]:
        """Return how often each key was counted, (keys,): never too low, rarely above by more than the load."""
        least = np.full(len(keys), np.iinfo(np.uint32).max, dtype=np.uint32)
        for line, places in enumerate(self._places(keys)):
            np.minimum(least, self.cells[line][places], out=least)
        return least.astype(np.int64)

    @property
    def load(self) -> float:
        """Mean count of a cell: what a key that was never counted may show."""
        return float(self.cells[0].sum(dtype=np.uint64)) / (1 << self.bits)

    def include(self, other: "CountSketch") -> None:
        """Add the other's counts to these.

        Raises:
            InputError: the other has another size.
        """
        if (self.bits, self.depth) != (other.bits, other.depth):
            raise InputError("These counts were made with another size and cannot be added; count the rows again.")
        total = self.cells.astype(np.uint64) + other.cells
        self.cells = np.minimum(total, np.iinfo(np.uint32).max).astype(np.uint32)

    def to_bytes(self) -> bytes:
        """Return the counts: one byte a cell, then place and count of each cell above 254."""
        flat = self.cells.ravel()
        large = np.flatnonzero(flat >= _SMALL).astype("<u4")
        small = np.minimum(flat, _SMALL).astype(np.uint8)
        return b"".join(
            (
                _HEAD.pack(_MAGIC, self.bits, self.depth, len(large)),
                small.tobytes(),
                large.tobytes(),
                flat[large].astype("<u4").tobytes(),
            )
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> "CountSketch":
        """Return the counts that :meth:`to_bytes` wrote.

        Raises:
            InputError: these bytes hold no counts.
        """
        wrong = InputError("These bytes are no counts of training rows; count the accepted rows again.")
        if len(data) < _HEAD.size:
            raise wrong
        magic, bits, depth, large = _HEAD.unpack_from(data)
        if magic != _MAGIC or not 1 <= bits <= _MOST_BITS or not 1 <= depth <= _MOST_DEPTH:
            raise wrong
        cells = depth << bits
        if len(data) != _HEAD.size + cells + 8 * large:
            raise wrong
        flat = np.frombuffer(data, dtype=np.uint8, count=cells, offset=_HEAD.size).astype(np.uint32)
        places = np.frombuffer(data, dtype="<u4", count=large, offset=_HEAD.size + cells)
        if large and int(places.max()) >= cells:
            raise wrong
        flat[places] = np.frombuffer(data, dtype="<u4", count=large, offset=_HEAD.size + cells + 4 * large)
        sketch = cls(bits=bits, depth=depth)
        sketch.cells = flat.reshape(depth, 1 << bits)
        return sketch

    def _places(self, keys: Hashes) -> list[npt.NDArray[np.int64]]:
        return _places(keys, bits=self.bits, depth=self.depth)


def touched(keys: Hashes, *, bits: int, depth: int) -> list[tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]]:
    """Return, for each line of such a sketch, which cells counting the keys raises, ascending, and by how much.

    Law: added to the cells of any sketch, they leave what ``add(keys)`` leaves.
    """
    found = []
    for places in _places(keys, bits=bits, depth=depth):
        cells, counts = np.unique(places.astype(np.uint32), return_counts=True)
        found.append((cells, counts.astype(np.uint32)))
    return found


def _places(keys: Hashes, *, bits: int, depth: int) -> list[npt.NDArray[np.int64]]:
    shift = np.uint64(64 - bits)
    return [((keys * factor) >> shift).astype(np.int64) for factor in _FACTORS[:depth]]
