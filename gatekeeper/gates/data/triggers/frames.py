"""Messages between two processes of one program: a line of JSON, then the bytes of arrays, as they lie in memory.

Nothing in a message is run when it is read, unlike with ``pickle``.
"""

import json
import struct
from collections.abc import Sequence
from typing import IO, Any

import numpy as np
import numpy.typing as npt

_SIZE = struct.Struct("<q")
Array = npt.NDArray[Any]
"""Of any type and shape."""


def send(stream: IO[bytes], head: object, arrays: Sequence[Array] = ()) -> None:
    """Write a message.

    Raises:
        OSError: nobody reads any more.
    """
    whole = [np.ascontiguousarray(array) for array in arrays]
    line = json.dumps([head, [(array.dtype.str, array.shape) for array in whole]]).encode()
    stream.write(_SIZE.pack(len(line)) + line)
    for array in whole:
        if array.size:
            stream.write(array.data.cast("B"))
    stream.flush()


def receive(stream: IO[bytes]) -> tuple[Any, list[Array]]:
    """Read a message.

    Raises:
        EOFError: the other process has ended.
    """
    head, kinds = json.loads(_exactly(stream, *_SIZE.unpack(_exactly(stream, _SIZE.size))))
    arrays: list[Array] = []
    for kind, shape in kinds:
        dtype = np.dtype(kind)
        data = _exactly(stream, dtype.itemsize * int(np.prod(shape)))
        arrays.append(np.frombuffer(data, dtype=dtype).reshape(shape))
    return head, arrays


def _exactly(stream: IO[bytes], size: int) -> bytes:
    data = stream.read(size)
    if len(data) < size:
        raise EOFError("The other process has ended.")
    return data
