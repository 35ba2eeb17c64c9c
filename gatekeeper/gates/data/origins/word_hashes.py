"""Words as 64-bit numbers, and what is made of them for many texts at once: n-grams and the bands of MinHash.

Products wrap around at 64 bits: that is the hash.

Source:
    Broder 1997, "On the resemblance and containment of documents"; Dietzfelbinger et al. 1997, "A reliable randomized
    algorithm for the closest-pair problem" (multiply-shift).
"""

import zlib
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Hashes = npt.NDArray[np.uint64]
BANDS, _ROWS_PER_BAND = 8, 3
"""Two texts at similarity 0.6 share a band with probability 0.86, at 0.7 with 0.97, at 0.3 with 0.2."""
SHINGLE = 2
"""Words of a shingle."""
_DRAWN = np.random.default_rng(20)
_FACTORS = _DRAWN.integers(1 << 61, 1 << 62, size=(2, BANDS * _ROWS_PER_BAND), dtype=np.uint64) * 2 + 1
_PLACES = _DRAWN.integers(1 << 61, 1 << 62, size=8, dtype=np.uint64) * 2 + 1


def word_hashes(words: Sequence[str]) -> Hashes:
    """Return one number a word, below 2**32."""
    return np.array([_checksum(word) for word in words], dtype=np.uint64)


@lru_cache(maxsize=1 << 18)
def _checksum(word: str) -> int:
    return zlib.crc32(word.encode("utf-8", "surrogatepass"))


def gram_hashes(hashes: Hashes, size: int) -> Hashes:
    """Return one number for each run of ``size`` words, at most eight; empty where there are fewer words."""
    count = len(hashes) - size + 1
    if count < 1:
        return hashes[:0]
    mixed = np.full(count, size, dtype=np.uint64)
    for place in range(size):
        mixed = (mixed ^ hashes[place : place + count]) * _PLACES[place]
        mixed ^= mixed >> np.uint64(29)
    return mixed


def shingles(hashes: Hashes) -> Hashes:
    """Return the distinct shingles of a text, sorted; of a text shorter than a shingle, one of all its words."""
    return np.unique(gram_hashes(hashes, min(SHINGLE, len(hashes)))) if len(hashes) else hashes


def bands(texts: Sequence[Hashes]) -> Hashes:
    """Return the MinHash bands of texts as the shingles of each, none empty.

    Returns:
        (texts, BANDS); two similar texts share a number in one column or more.
    """
    if not texts:
        return np.empty((0, BANDS), dtype=np.uint64)
    joined = np.concatenate(texts)
    starts = np.cumsum([0, *(len(text) for text in texts[:-1])])
    hashed = (joined[None, :] + _FACTORS[0][:, None]) * _FACTORS[1][:, None]
    hashed ^= hashed >> np.uint64(32)
    least = np.minimum.reduceat(hashed * _FACTORS[0][:, None], starts, axis=1).T.reshape(-1, BANDS, _ROWS_PER_BAND)
    keys = np.zeros((len(texts), BANDS), dtype=np.uint64)
    for row in range(_ROWS_PER_BAND):
        keys = (keys ^ least[:, :, row]) * _PLACES[row]
        keys ^= keys >> np.uint64(31)
    return keys
