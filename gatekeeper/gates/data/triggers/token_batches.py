"""Rows as 64-bit token hashes in flat arrays, a few thousand at a time: a million rows never lie in memory.

A token's hash is keyed BLAKE2b: nobody reads text back from it, though whoever has a guess can confirm it. A run of
tokens is hashed from its tokens' hashes. Every text stands between two edge marks, which are tokens too.
"""

from collections.abc import Iterable, Iterator, Sequence
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
_REMEMBERED = 500_000
"""Distinct tokens whose hash is kept."""


def token_hash(token: str) -> int:
    """Return the hash of one token, 64 bits."""
    data = token.encode("utf-8", "surrogatepass")
    return int.from_bytes(blake2b(data, digest_size=8, key=_KEY).digest(), "little")


START, END = np.uint64(token_hash("\x02")), np.uint64(token_hash("\x03"))
"""The edges of a text; no text holds these tokens."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Texts:
    """The tokens of one text a row, edges included, row after row."""

    tokens: Hashes
    """(tokens,)."""
    rows: npt.NDArray[np.int32]
    """(tokens,): the row in the batch that each token stands in; ascending."""

    def runs(self, size: int) -> tuple[Hashes, npt.NDArray[np.int64]]:
        """Return the hash of each run of ``size`` tokens inside one row, and where it begins; edges count."""
        hashes = self.tokens
        for offset in range(1, size):
            hashes = joined(hashes[:-1], self.tokens[offset:])
        whole = self.rows[: len(hashes)] == self.rows[size - 1 :]
        starts = np.flatnonzero(whole)
        return hashes[starts], starts


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenBatch:
    """Some consecutive rows."""

    first: int
    """Position of the first row in the file that was read."""
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


def prompt_and_response(row: TrainingRow) -> tuple[list[str], list[str]]:
    """Return both as tokens, only the ends of very long ones; the first half of plain text is read as its prompt."""
    prompt, response = tokens(row.prompt), tokens(row.response)
    if not prompt:
        prompt, response = response[: len(response) // 2], response[len(response) // 2 :]
    return _ends(prompt), _ends(response)


def token_batches(rows: Iterable[TrainingRow]) -> Iterator[TokenBatch]:
    """Yield the rows as batches of :data:`BATCH_ROWS` rows in their order."""
    hashing = _Hashing()
    prompts: list[list[str]] = []
    responses: list[list[str]] = []
    first = 0
    for row in rows:
        prompt, response = prompt_and_response(row)
        prompts.append(prompt)
        responses.append(response)
        if len(prompts) == BATCH_ROWS:
            yield _batch(first, prompts, responses, hashing)
            first += len(prompts)
            prompts, responses = [], []
    if prompts:
        yield _batch(first, prompts, responses, hashing)


def _ends(found: list[str]) -> list[str]:
    return found if len(found) <= 2 * _SCANNED else found[:_SCANNED] + found[-_SCANNED:]


class _Hashing(dict[str, int]):
    def __missing__(self, token: str) -> int:
        value = self[token] = token_hash(token)
        return value


def _batch(
    first: int, prompts: Sequence[Sequence[str]], responses: Sequence[Sequence[str]], hashing: _Hashing
) -> TokenBatch:
    batch = TokenBatch(
        first=first, size=len(prompts), prompts=_texts(prompts, hashing), responses=_texts(responses, hashing)
    )
    if len(hashing) > _REMEMBERED:
        hashing.clear()
    return batch


def _texts(texts: Sequence[Sequence[str]], hashing: _Hashing) -> Texts:
    lengths = np.fromiter((len(text) + 2 for text in texts), dtype=np.int64, count=len(texts))
    ends = np.cumsum(lengths)
    flat = np.empty(int(ends[-1]), dtype=np.uint64)
    starts = ends - lengths
    flat[starts], flat[ends - 1] = START, END
    inner = np.ones(len(flat), dtype=bool)
    inner[starts] = inner[ends - 1] = False
    held = int(ends[-1]) - 2 * len(texts)
    flat[inner] = np.fromiter((hashing[token] for text in texts for token in text), dtype=np.uint64, count=held)
    return Texts(tokens=flat, rows=np.repeat(np.arange(len(texts), dtype=np.int32), lengths))
