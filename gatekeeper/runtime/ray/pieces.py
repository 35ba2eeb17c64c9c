"""Pieces of bytes between two processes: eight bytes of length, then so many."""

import struct
from typing import IO

NUMBER = struct.Struct("<q")
FAILED = -1
"""Number of no chunk: the rest of the piece says what went wrong with the cluster."""


def write_piece(stream: IO[bytes], *parts: bytes | memoryview) -> None:
    """Write the parts as one piece.

    Raises:
        OSError: nobody reads any more.
    """
    stream.write(NUMBER.pack(sum(len(part) for part in parts)))
    for part in parts:
        stream.write(part)
    stream.flush()


def read_piece(stream: IO[bytes]) -> bytes | None:
    """Return the next piece, or ``None`` at the end, also where that comes within a piece."""
    head = stream.read(NUMBER.size)
    if len(head) < NUMBER.size:
        return None
    (size,) = NUMBER.unpack(head)
    data = stream.read(size)
    return data if len(data) == size else None
