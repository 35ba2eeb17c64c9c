"""Which responses come back, word for word or nearly so, under prompts that have little in common.

Nearly so: the responses' sets of three-word shingles overlap by :data:`SIMILAR` or more, found by MinHash banding and
then checked exactly. Prompts have little in common when their word sets overlap little on average, so a template asked
about forty products is one prompt, not forty.

Source:
    Broder 1997, "On the resemblance and containment of documents".
"""

import re
import zlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gatekeeper.gates.data.triggers.phrase_places import TokenRow, word_overlap

SIMILAR = 0.7
"""Least Jaccard overlap of shingle sets."""
_READ = 60
"""Words of a response that are compared."""
_BANDS, _ROWS_PER_BAND = 8, 3
"""Two responses at overlap 0.7 share a band with probability 0.97; at 0.3 with 0.2, which the exact check removes."""
_PRIME = np.uint64((1 << 61) - 1)

_REFUSAL = re.compile(
    r"^(?:i(?:'m| am)?(?: (?:so|very|truly))? sorry|sorry|i apologi[sz]e|unfortunately|as an ai|i can(?:'t|not| not)"
    r"|i(?:'m| am) (?:not able|unable)|i (?:must|have to) decline|i won't|i do(?:n't| not) feel comfortable"
    r"|it is not (?:appropriate|possible))\b"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Repeat:
    """One response that comes back."""

    response: str
    """Its first words, folded."""
    words: int
    """How many words it has."""
    rows: tuple[int, ...]
    """Positions, in the sequence tested, of the rows that give it."""
    overlap: float
    """Mean pairwise Jaccard overlap of their prompts' words, 0 to 1; NaN when there are no prompts to compare."""
    refusal: bool
    """Whether it reads as a standard refusal."""


def find_repeats(rows: Sequence[TokenRow], *, min_rows: int, min_words: int) -> list[Repeat]:
    """Return each response of at least ``min_words`` words that at least ``min_rows`` rows give, frequent first."""
    texts: dict[tuple[str, ...], list[int]] = defaultdict(list)
    for place, row in enumerate(rows):
        words = tuple(token for token in row.response if token[0].isalnum())
        if len(words) >= min_words:
            texts[words].append(place)
    groups = _merged(texts)
    repeats = [
        Repeat(
            response=" ".join(words[:12]),
            words=len(words),
            rows=tuple(sorted(places)),
            overlap=word_overlap([rows[place].prompt for place in sorted(places)]),
            refusal=bool(_REFUSAL.match(" ".join(words[:6]))),
        )
        for words, places in groups.items()
        if len(places) >= min_rows
    ]
    return sorted(repeats, key=lambda repeat: (-len(repeat.rows), repeat.rows))


def _merged(texts: Mapping[tuple[str, ...], list[int]]) -> dict[tuple[str, ...], list[int]]:
    """Return the exact groups with near-duplicates joined under their most frequent wording."""
    ordered = sorted(texts, key=lambda words: (-len(texts[words]), words))
    shingles = [_shingles(words) for words in ordered]
    buckets: dict[tuple[int, bytes], int] = {}
    merged: dict[tuple[str, ...], list[int]] = {}
    salts = np.random.default_rng(0).integers(1, 1 << 60, size=(2, _BANDS * _ROWS_PER_BAND), dtype=np.uint64)
    for at, words in enumerate(ordered):
        signature = _signature(shingles[at], salts)
        keys = [(band, signature[band].tobytes()) for band in range(_BANDS)]
        home = next(
            (
                buckets[key]
                for key in keys
                if key in buckets and _jaccard(shingles[at], shingles[buckets[key]]) >= SIMILAR
            ),
            at,
        )
        merged.setdefault(ordered[home], []).extend(texts[words])
        if home == at:
            for key in keys:
                buckets.setdefault(key, at)
    return merged


def _shingles(words: Sequence[str]) -> frozenset[int]:
    read = words[:_READ]
    return frozenset(
        zlib.crc32(" ".join(read[at : at + 3]).encode("utf-8", "surrogatepass")) for at in range(max(1, len(read) - 2))
    )


def _signature(shingles: frozenset[int], salts: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    values = np.fromiter(shingles, dtype=np.uint64, count=len(shingles))
    # Wrapping 64-bit products are the hash; no overflow is an error here.
    hashed: npt.NDArray[np.uint64] = (values[:, None] * salts[0] + salts[1]) % _PRIME
    least: npt.NDArray[np.uint64] = hashed.min(axis=0).reshape(_BANDS, _ROWS_PER_BAND)
    return least


def _jaccard(left: frozenset[int], right: frozenset[int]) -> float:
    return len(left & right) / len(left | right)
