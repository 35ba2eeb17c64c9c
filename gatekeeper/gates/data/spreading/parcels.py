"""Results of work on a chunk as bytes: a line of JSON, then arrays as they lie in memory.

Nothing in a parcel is run when it is opened, unlike with ``pickle``. Law: ``opened(parcel(head, arrays))`` gives the
head as JSON reads it, and equal arrays.
"""

import json
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from gatekeeper.core.errors import InputError

_SIZE = struct.Struct("<q")
_KINDS = frozenset("biuf")
Array = npt.NDArray[Any]
"""Of numbers, of any shape."""


def parcel(head: object, arrays: Sequence[Array] = ()) -> bytes:
    """Return a result as bytes."""
    whole = [np.ascontiguousarray(array) for array in arrays]
    line = json.dumps([head, [(array.dtype.str, array.shape) for array in whole]]).encode()
    return b"".join([_SIZE.pack(len(line)), line, *(array.tobytes() for array in whole)])


def opened(data: bytes | memoryview) -> tuple[Any, list[Array]]:
    """Return what was put into a parcel; the arrays cannot be written to.

    Raises:
        InputError: it is none.
    """
    view = memoryview(data)
    try:
        (size,) = _SIZE.unpack_from(view)
        at = _SIZE.size + size
        head, kinds = json.loads(bytes(view[_SIZE.size : at]))
        arrays: list[Array] = []
        for kind, shape in kinds:
            dtype = np.dtype(kind)
            if dtype.kind not in _KINDS or any(length < 0 for length in shape):
                raise ValueError("no array of numbers")
            count = int(np.prod(shape, dtype=np.int64))
            arrays.append(np.frombuffer(view, dtype=dtype, count=count, offset=at).reshape(shape))
            at += dtype.itemsize * count
        if at != len(view):
            raise ValueError("another length")
    except (ValueError, TypeError, struct.error, RecursionError) as error:
        raise InputError("A process answered with something that is no result.", hint="Scan again.") from error
    return head, arrays
