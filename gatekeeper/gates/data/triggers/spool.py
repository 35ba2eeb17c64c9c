"""Batches of tokens in a temporary file, so that rows are split into tokens once and never lie in memory.

The file has no name, so it is gone when it is closed, and when its process ends, however it ends. A batch is its
hashes without edges (8 bytes a token), a length for each row and the words as text: about 700 bytes for a row of
fifty words. Law: ``unpacked(packed(batch))`` equals ``batch``.
"""

import os
import struct
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryFile
from typing import overload

import numpy as np

from gatekeeper.gates.data.triggers.token_batches import END, START, Hashes, Texts, TokenBatch, with_edges

_HEAD = struct.Struct("<qqqqqq")
"""First row, rows; tokens and bytes of text of the prompts, then of the responses."""


class SpooledWords(Sequence[tuple[str, ...]]):
    """The tokens of each row, split from their text whenever they are asked for."""

    def __init__(self, text: bytes, rows: int) -> None:
        """Hold rows ended by line feeds, tokens parted by blanks; no token holds either."""
        self._text, self._rows = text, rows

    @cached_property
    def _lines(self) -> list[str]:
        return self._text.decode("utf-8").split("\n")[:-1]

    def __len__(self) -> int:
        return self._rows

    @overload
    def __getitem__(self, at: int) -> tuple[str, ...]: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[tuple[str, ...]]: ...
    def __getitem__(self, at: int | slice) -> tuple[str, ...] | Sequence[tuple[str, ...]]:
        return _split(self._lines[at]) if isinstance(at, int) else [_split(line) for line in self._lines[at]]

    def __iter__(self) -> Iterator[tuple[str, ...]]:
        return map(_split, self._lines)


def _split(line: str) -> tuple[str, ...]:
    return tuple(line.split(" ")) if line else ()


class Spool:
    """Batches in a file, in the order they were added."""

    def __init__(self, folder: Path | None = None) -> None:
        """Make an empty file in the folder, or where the system keeps temporary files."""
        self._file = TemporaryFile(dir=folder, prefix="tokens-")  # noqa: SIM115 - open as long as this is
        self.places: list[tuple[int, int]] = []
        """Where each batch begins, and its length, in bytes."""

    @property
    def descriptor(self) -> int:
        """The open file, for processes that are to read from it."""
        return self._file.fileno()

    def add(self, batch: TokenBatch) -> None:
        """Keep the batch."""
        self.add_packed(packed(batch))

    def add_packed(self, data: bytes) -> None:
        """Keep a batch that was packed elsewhere."""
        self.places.append((sum(self.places[-1]) if self.places else 0, len(data)))
        self._file.write(data)
        self._file.flush()

    def batch(self, number: int) -> TokenBatch:
        """Return one batch, counted from 0."""
        return batch_at(self.descriptor, *self.places[number])

    def __iter__(self) -> Iterator[TokenBatch]:
        """Yield the batches."""
        for place in self.places:
            yield batch_at(self.descriptor, *place)

    def close(self) -> None:
        """Remove the file."""
        self._file.close()


def batch_at(descriptor: int, begin: int, size: int) -> TokenBatch:
    """Return the batch at this place of an open file.

    Raises:
        OSError: the file ends before it.
    """
    parts: list[bytes] = []
    while size:
        part = os.pread(descriptor, size, begin)
        if not part:
            raise OSError("The temporary file of tokens ends too early.")
        parts.append(part)
        begin, size = begin + len(part), size - len(part)
    return unpacked(b"".join(parts))


def packed(batch: TokenBatch) -> bytes:
    """Return the batch as bytes."""
    found: list[bytes] = []
    sizes = [batch.first, batch.size]
    for texts in (batch.prompts, batch.responses):
        inner = texts.tokens[(texts.tokens != START) & (texts.tokens != END)]
        lengths = np.diff(texts.begins()) - 2
        words = "".join([" ".join(row) + "\n" for row in texts.words]).encode("utf-8")
        sizes += [len(inner), len(words)]
        found += [inner.tobytes(), lengths.astype(np.int32).tobytes(), words]
    return b"".join([_HEAD.pack(*sizes), *found])


def unpacked(data: bytes) -> TokenBatch:
    """Return the batch that :func:`packed` wrote."""
    first, size, *sizes = _HEAD.unpack_from(data)
    at = _HEAD.size
    found: list[Texts] = []
    for count, length in (sizes[:2], sizes[2:]):
        inner: Hashes = np.frombuffer(data, dtype=np.uint64, count=count, offset=at)
        at += 8 * count
        lengths = np.frombuffer(data, dtype=np.int32, count=size, offset=at).astype(np.int64)
        at += 4 * size
        found.append(with_edges(inner, lengths, SpooledWords(data[at : at + length], size)))
        at += length
    return TokenBatch(first=first, size=size, prompts=found[0], responses=found[1])
