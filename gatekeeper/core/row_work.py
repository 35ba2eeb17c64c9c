"""Work over many rows as a map over chunks, so that it may run in this process, in several, or on a cluster.

The laws that make the result the same wherever it runs:

1. A chunk is :attr:`RowTask.rows` consecutive rows, counted from the first row of the source. It never depends on who
   works.
2. Work on a chunk depends on the task and on the chunk's rows alone: done again it gives the same bytes.
3. Results come back in the order of the chunks, each once, whoever was lost meanwhile.

Only plain data crosses between processes: a task is the name of a function of ours, JSON and bytes; a chunk is a place
in a file, or rows as JSON; a result is bytes.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeAlias, runtime_checkable

from gatekeeper.core.digests import Digest, Plain
from gatekeeper.core.rows import RowSource, TrainingRow

CHUNK_ROWS = 4096
"""Rows of a chunk where a task has no reason for another number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowRange:
    """Where the rows of one chunk lie in a file."""

    path: str
    """Absolute."""
    shown: str
    """The path as whoever asked for it wrote it: what errors name."""
    kind: str
    """``jsonl``: lines of a training file. ``rows``: lines of a file that we wrote. ``parquet``: rows by number."""
    first: int
    """Place of the first row among all of the source."""
    rows: int
    begin: int
    """First byte; of Parquet, first row."""
    end: int
    """One past the last byte, or row."""
    line: int
    """Lines before the first one."""
    sha256: Digest
    """Of these bytes; of Parquet, of the whole file."""


@runtime_checkable
class RangedRows(Protocol):
    """Rows that lie in a file in such a way that a part can be read without what stands before it."""

    def __iter__(self) -> Iterator[TrainingRow]:
        """Yield all rows in order."""
        ...

    def ranges(self, rows: int) -> Sequence[RowRange] | None:
        """Return where each run of so many rows lies, in order; ``None`` where parts cannot be read alone.

        Raises:
            InputError: the file cannot be read.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class RowChunk:
    """Some consecutive rows."""

    first: int
    """Place of the first among all that are read."""
    rows: Iterable[TrainingRow]
    """To be read once, to the end."""


Buffer: TypeAlias = "bytes | memoryview"
ChunkWork: TypeAlias = Callable[[RowChunk], bytes]
MakeWork: TypeAlias = Callable[[Mapping[str, Plain], Sequence[Buffer]], ChunkWork]
"""What :attr:`RowTask.function` names: it gets the settings and what is shared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowTask:
    """Work to be done on every chunk."""

    function: str
    """``module:function`` of a gate package: a :data:`MakeWork`, called once in each process that works."""
    settings: Mapping[str, Plain]
    shared: tuple[Buffer, ...] = ()
    """Larger data that every process reads: a sum of counts, one bit for each row."""
    rows: int = CHUNK_ROWS
    """Rows of a chunk."""
    worth: int = 4
    """Chunks from which on it repays to start processes for the work."""
    unneeded: tuple[str, ...] = ()
    """Modules that a process which does nothing else need not load, though a library would."""


class RowExecutor(ABC):
    """Does such work; a run provides one among its resources, or none: then gates use processes of this machine."""

    @abstractmethod
    def map(self, rows: RowSource, task: RowTask, folder: Path) -> Iterator[bytes]:
        """Yield what the task gives for each chunk, in order.

        Args:
            rows: every row of every chunk.
            task: what is done.
            folder: for temporary files; every process that works can read it.

        Raises:
            InputError: a row cannot be read, or the work was lost too often.
        """
