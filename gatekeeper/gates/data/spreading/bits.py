"""Some of all rows as one bit a row: what every process can be told, whatever the number of rows."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from gatekeeper.core.row_work import Buffer


def rows_as_bits(places: Iterable[int] | npt.NDArray[np.intp], rows: int) -> bytes:
    """Return the bits of so many rows, the first one highest; those at the places are 1."""
    marks = np.zeros(rows, dtype=bool)
    chosen = np.fromiter(places, dtype=np.intp)
    marks[chosen] = True
    return np.packbits(marks).tobytes()


def bits_of(data: Buffer) -> npt.NDArray[np.uint8]:
    """Return the bytes of :func:`rows_as_bits` as an array."""
    return np.frombuffer(data, dtype=np.uint8)


def is_marked(bits: npt.NDArray[np.uint8], place: int) -> bool:
    """Return whether a row's bit is 1; a row beyond the last has none."""
    at = place >> 3
    return at < len(bits) and bool(bits[at] & (0x80 >> (place & 7)))
