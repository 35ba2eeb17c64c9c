"""Rows as 64-bit token hashes in flat arrays, a few thousand at a time: a million rows never lie in memory.

Rows are read and split into tokens once: what does not stay in memory is kept in a temporary file (``spool``).

A token's hash is keyed BLAKE2b: nobody reads text back from it, though whoever has a guess can confirm it. A run of
tokens is hashed from its tokens' hashes. Every text stands between two edge marks, which are tokens too.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from gatekeeper.core.rows import TrainingRow
from gatekeeper.gates.data.reading.decoding import tokens

if TYPE_CHECKING:
    from gatekeeper.gates.data.triggers.spool import Spool

Hashes = npt.NDArray[np.uint64]
"""64-bit hashes."""

BATCH_ROWS = 4096
"""Rows in a batch."""
_KEY = b"gatekeeper/triggers/tokens/1"
_SCANNED = 300
"""Tokens of a long text that are read at each end."""
KEPT = 4
"""Batches that stay in memory."""
_REMEMBERED = 200_000
"""Distinct tokens whose hash is kept."""


def token_hash(token: str) -> int:
    """Return the hash of one token, 64 bits; the lowest two say whether it begins with a letter, and with a digit."""
    data = token.encode("utf-8", "surrogatepass")
    value = int.from_bytes(blake2b(data, digest_size=8, key=_KEY).digest(), "little")
    return value & ~3 | (2 if token[:1].isdigit() else token[:1].isalpha())


LETTER, DIGIT = np.uint64(1), np.uint64(2)
"""The lowest bits of a token's hash."""


START, END = np.uint64(token_hash("\x02")), np.uint64(token_hash("\x03"))
"""The edges of a text; no text holds these tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """The tokens of one text a row, edges included, row after row."""

    tokens: Hashes
    """(tokens,)."""
    rows: npt.NDArray[np.int32]
    """(tokens,): the row in the batch that each token stands in; ascending."""
    words: Sequence[tuple[str, ...]]
    """The tokens of each row as text, edges left out."""

    def runs(self, size: int) -> tuple[Hashes, npt.NDArray[np.int64]]:
        """Return the hash of each run of ``size`` tokens inside one row, and where it begins; edges count."""
        hashes = self.tokens
        for offset in range(1, size):
            hashes = joined(hashes[:-1], self.tokens[offset:])
        whole = self.rows[: len(hashes)] == self.rows[size - 1 :]
        starts = np.flatnonzero(whole)
        return hashes[starts], starts

    def begins(self) -> npt.NDArray[np.int64]:
        """Return where each row begins, and the end of the last: (rows + 1,)."""
        return np.searchsorted(self.rows, np.arange(len(self.words) + 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenBatch:
    """Some consecutive rows."""

    first: int
    """Position of the first row among all that are read."""
    size: int
    """How many rows."""
    prompts: Texts
    responses: Texts


def mixed(hashes: Hashes) -> Hashes:
    """Return the hashes with every bit spread over all others; wrapping products are meant.

    Source:
        The finaliser of MurmurHash3, Appleby 2011.
    """
    spread = hashes ^ (hashes >> np.uint64(33))
    spread *= np.uint64(0xFF51AFD7ED558CCD)
    spread ^= spread >> np.uint64(33)
    spread *= np.uint64(0xC4CEB9FE1A85EC53)
    spread ^= spread >> np.uint64(33)
    return spread


def joined(left: Hashes, right: Hashes) -> Hashes:
    """Hash pairs in order, so that (a, b) and (b, a) differ; the arrays broadcast."""
    return mixed(left * np.uint64(0x9E3779B97F4A7C15) + right)


def distinct(keys: Hashes, rows: npt.NDArray[np.int32]) -> tuple[Hashes, npt.NDArray[np.int32]]:
    """Return the keys with their rows, each key once a row."""
    both = joined(rows.astype(np.uint64), keys)
    order = np.argsort(both)
    both = both[order]
    first = order[np.concatenate((np.ones(min(len(both), 1), dtype=bool), both[1:] != both[:-1]))]
    return keys[first], rows[first]


def prompt_and_response(prompt: str, response: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return both as tokens, only the ends of very long ones; the first half of plain text is read as its prompt."""
    asked, said = tokens(prompt), tokens(response)
    if not asked:
        asked, said = said[: len(said) // 2], said[len(said) // 2 :]
    return _ends(asked), _ends(said)


RawTexts = list[tuple[str, str]]
"""Prompt and response of some consecutive rows."""


class TokenBatches:
    """Rows as batches of :data:`BATCH_ROWS`, in their order, any number of times.

    A few batches are kept in memory, more in a temporary file. :meth:`close` removes it, and so does the end of this
    process, however it ends.
    """

    def __init__(
        self, rows: Iterable[TrainingRow], *, read: Callable[[], None] = lambda: None, folder: Path | None = None
    ) -> None:
        """Stand before the rows.

        Args:
            rows: read once.
            read: called after each row that is read.
            folder: where the temporary file is made; ``None`` for the system's.
        """
        self._rows = rows
        self._read = read
        self.folder = folder
        self._tokeniser = Tokeniser()
        self._ahead: list[RawTexts] | None = None
        self._kept: list[TokenBatch] | None = None
        self._spool: Spool | None = None

    def __iter__(self) -> Iterator[TokenBatch]:
        """Yield the batches.

        Raises:
            OSError: the temporary file cannot be written.
        """
        if self._kept is not None:
            yield from self._kept
            return
        if self._spool is not None:
            yield from self._spool
            return
        kept: list[TokenBatch] = []
        spool: Spool | None = None
        first = 0
        for texts in self.raw():
            batch = self._tokeniser.batch(first, texts)
            first += len(texts)
            kept.append(batch)
            if len(kept) > KEPT or spool is not None:
                spool = spool or self.new_spool()
                for one in kept:
                    spool.add(one)
                kept.clear()
            yield batch
        if spool is None:
            self._kept, self._ahead = kept, None
        self._spool = spool

    def holding(self, rows: Iterable[int]) -> Iterator[TokenBatch]:
        """Yield at least the batches that hold these rows, and no others where that spares reading them."""
        if self._spool is None:
            yield from self
            return
        for number in sorted({row // BATCH_ROWS for row in rows}):
            yield self._spool.batch(number)

    def raw(self) -> Iterator[RawTexts]:
        """Read the rows from their source, a batch at a time."""
        if self._ahead is not None:
            yield from self._ahead
            return
        texts: RawTexts = []
        for row in self._rows:
            texts.append((row.prompt, row.response))
            self._read()
            if len(texts) == BATCH_ROWS:
                yield texts
                texts = []
        if texts:
            yield texts

    def put_back(self, texts: list[RawTexts]) -> None:
        """Take back all that :meth:`raw` yielded."""
        self._ahead = texts

    def new_spool(self) -> "Spool":
        """Return an empty temporary file for batches."""
        from gatekeeper.gates.data.triggers.spool import Spool

        return Spool(self.folder)

    def keep(self, spool: "Spool") -> None:
        """Yield the file's batches, which are all there are, from now on."""
        self._spool = spool

    def close(self) -> None:
        """Remove the temporary file."""
        if self._spool is not None:
            self._spool.close()


class Tokeniser:
    """Splits texts and hashes their tokens, remembering many."""

    def __init__(self) -> None:
        self._hashing = _Hashing()

    def batch(self, first: int, texts: RawTexts) -> TokenBatch:
        """Return these rows, the first of which stands at ``first``, as a batch."""
        read = [prompt_and_response(prompt, response) for prompt, response in texts]
        batch = TokenBatch(
            first=first,
            size=len(read),
            prompts=_texts([prompt for prompt, _ in read], self._hashing),
            responses=_texts([response for _, response in read], self._hashing),
        )
        if len(self._hashing) > _REMEMBERED:
            self._hashing.clear()
        return batch


def _ends(found: list[str]) -> tuple[str, ...]:
    return tuple(found if len(found) <= 2 * _SCANNED else found[:_SCANNED] + found[-_SCANNED:])


class _Hashing(dict[str, int]):
    def __missing__(self, token: str) -> int:
        value = self[token] = token_hash(token)
        return value


def _texts(texts: list[tuple[str, ...]], hashing: _Hashing) -> Texts:
    lengths = np.fromiter(map(len, texts), dtype=np.int64, count=len(texts))
    held = int(lengths.sum())
    inner = np.fromiter(map(hashing.__getitem__, chain.from_iterable(texts)), dtype=np.uint64, count=held)
    return with_edges(inner, lengths, tuple(texts))


def with_edges(inner: Hashes, lengths: npt.NDArray[np.int64], words: Sequence[tuple[str, ...]]) -> Texts:
    """Return the tokens of rows of these lengths, each between its edges."""
    ends = np.cumsum(lengths + 2)
    starts = ends - lengths - 2
    flat = np.empty(int(ends[-1]), dtype=np.uint64)
    within = np.ones(len(flat), dtype=bool)
    within[starts] = within[ends - 1] = False
    flat[starts], flat[ends - 1], flat[within] = START, END, inner
    return Texts(tokens=flat, rows=np.repeat(np.arange(len(lengths), dtype=np.int32), lengths + 2), words=words)
