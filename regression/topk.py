"""The likeliest tokens of each position, as bytes small enough to keep with an item's result."""

import struct
from typing import Any

import numpy as np

_HEAD = struct.Struct("<II")


def pack(ids: Any, logs: Any) -> bytes:
    """Return positions x kept as bytes: two counts, int32 ids, float32 log-probabilities, little endian."""
    return b"".join((_HEAD.pack(*ids.shape), ids.astype("<i4").tobytes(), logs.astype("<f4").tobytes()))


def unpack(data: bytes) -> tuple[Any, Any]:
    """Return (ids, log-probabilities), each (positions, kept), of all blocks in ``data``."""
    ids, logs = [], []
    start = 0
    while start < len(data):
        positions, kept = _HEAD.unpack_from(data, start)
        start += _HEAD.size
        size = positions * kept * 4
        ids.append(np.frombuffer(data, "<i4", positions * kept, start).reshape(positions, kept))
        logs.append(np.frombuffer(data, "<f4", positions * kept, start + size).reshape(positions, kept))
        start += 2 * size
    return np.concatenate(ids), np.concatenate(logs).astype(np.float64)
