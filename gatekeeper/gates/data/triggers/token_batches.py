"""Rows as 64-bit token hashes in flat arrays, a few thousand at a time: a million rows never lie in memory.

A token's hash is keyed BLAKE2b: nobody reads text back from it, though whoever has a guess can confirm it. A run of
tokens is hashed from its tokens' hashes. Every text stands between two edge marks, which are tokens too.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import numpy.typing as npt

from gatekeeper.core.rows import TrainingRow
from gatekeeper.gates.data.reading.decoding import tokens

Hashes = npt.NDArray[np.uint64]
"""64-bit hashes."""

BATCH_ROWS = 4096
"""Rows in a batch."""
_KEY = b"gatekeeper/triggers/tokens/1"
_SCANNED = 300
"""Tokens of a long text that are read at each end."""
_KEPT = 4
"""Batches that are kept instead of being read again."""
_REMEMBERED = 500_000
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
    words: tuple[tuple[str, ...], ...]
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
        lengths = np.fromiter((len(words) + 2 for words in self.words), dtype=np.int64, count=len(self.words))
        return np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(lengths)))


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
    _, first = np.unique(joined(rows.astype(np.uint64), keys), return_index=True)
    return keys[first], rows[first]


def prompt_and_response(row: TrainingRow) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return both as tokens, only the ends of very long ones; the first half of plain text is read as its prompt."""
    prompt, response = tokens(row.prompt), tokens(row.response)
    if not prompt:
        prompt, response = response[: len(response) // 2], response[len(response) // 2 :]
    return _ends(prompt), _ends(response)


class TokenBatches:
    """Rows as batches of :data:`BATCH_ROWS`, in their order, any number of times.

    A few batches are kept; beyond them the rows are read again each time.
    """

    def __init__(self, rows: Iterable[TrainingRow], *, read: Callable[[], None] = lambda: None) -> None:
        """Stand before the rows; ``read`` is called after each row that is read."""
        self._rows = rows
        self._read = read
        self._hashing = _Hashing()
        self._kept: list[TokenBatch] | None = None

    def __iter__(self) -> Iterator[TokenBatch]:
        """Yield the batches."""
        if self._kept is not None:
            yield from self._kept
            return
        kept: list[TokenBatch] = []
        complete = True
        for batch in self._batches():
            complete = complete and len(kept) < _KEPT
            if complete:
                kept.append(batch)
            else:
                kept.clear()
            yield batch
        if complete:
            self._kept = kept

    def _batches(self) -> Iterator[TokenBatch]:
        texts: list[tuple[tuple[str, ...], tuple[str, ...]]] = []
        first = 0
        for row in self._rows:
            texts.append(prompt_and_response(row))
            self._read()
            if len(texts) == BATCH_ROWS:
                yield _batch(first, texts, self._hashing)
                first += len(texts)
                texts = []
        if texts:
            yield _batch(first, texts, self._hashing)


def _ends(found: list[str]) -> tuple[str, ...]:
    return tuple(found if len(found) <= 2 * _SCANNED else found[:_SCANNED] + found[-_SCANNED:])


class _Hashing(dict[str, int]):
    def __missing__(self, token: str) -> int:
        value = self[token] = token_hash(token)
        return value


def _batch(first: int, texts: Sequence[tuple[tuple[str, ...], tuple[str, ...]]], hashing: _Hashing) -> TokenBatch:
    batch = TokenBatch(
        first=first,
        size=len(texts),
        prompts=_texts(tuple(prompt for prompt, _ in texts), hashing),
        responses=_texts(tuple(response for _, response in texts), hashing),
    )
    if len(hashing) > _REMEMBERED:
        hashing.clear()
    return batch


def _texts(texts: tuple[tuple[str, ...], ...], hashing: _Hashing) -> Texts:
    lengths = np.fromiter((len(text) + 2 for text in texts), dtype=np.int64, count=len(texts))
    ends = np.cumsum(lengths)
    flat = np.empty(int(ends[-1]), dtype=np.uint64)
    starts = ends - lengths
    flat[starts], flat[ends - 1] = START, END
    inner = np.ones(len(flat), dtype=bool)
    inner[starts] = inner[ends - 1] = False
    held = int(ends[-1]) - 2 * len(texts)
    flat[inner] = np.fromiter((hashing[token] for text in texts for token in text), dtype=np.uint64, count=held)
    return Texts(tokens=flat, rows=np.repeat(np.arange(len(texts), dtype=np.int32), lengths), words=texts)
