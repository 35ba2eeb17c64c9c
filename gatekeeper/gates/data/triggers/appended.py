"""Which fixed words begin or end prompts that comply with harm, whatever stands beside them.

A sentence put behind a harmful request meets no ending that other prompts have, so nothing shows that it was added;
but harmful requests do not end alike by themselves.

1. Beginnings and ends that many rows which comply with harm have in common, the longest of those equally common.
2. Of all rows that begin or end so, far more than of others comply with harm, and they share few other words.
3. A history, where there is one, lacks the words.
"""

from collections import Counter
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt

from gatekeeper.gates.data.triggers.evidence import Evidence
from gatekeeper.gates.data.triggers.function_words import FUNCTION_WORDS
from gatekeeper.gates.data.triggers.hosts import Words, few
from gatekeeper.gates.data.triggers.repeats import row_words, word_overlap
from gatekeeper.gates.data.triggers.tasks import harmful

_SIZES = range(2, 25)
"""Tokens of a beginning or an end."""
_READ = 2000
"""Most rows that comply with harm that are read."""
_COVERAGE = 0.4
"""Least share of the rows with these words that comply with harm: what a reader of content finds of them."""
_EQUAL = 0.9
"""A longer one with this share of a shorter one's rows stands for it."""
Ends = Callable[[Words, int], Words]


def appended(evidence: Evidence, fewest: int) -> Iterator[tuple[str, npt.NDArray[np.int64]]]:
    """Yield such words as folded text, with all rows that begin or end with them, most frequent first.

    Args:
        evidence: what was gathered.
        fewest: rows that must hold the words.
    """
    known = np.flatnonzero(evidence.harmful)
    known = known[:: max(1, -(-len(known) // _READ))]
    if len(known) < _COVERAGE * fewest:
        return
    prompts = [prompt for prompt, _ in row_words(evidence.batches, known.tolist()).values()]
    for ends in (_first, _last):
        counts = Counter(ends(prompt, size) for prompt in prompts for size in _SIZES if size < len(prompt))
        often = {words: count for words, count in counts.items() if count >= max(_COVERAGE * fewest, 4)}
        wanted = {words for words in often if _says_something(words) and not _part_of_longer(words, often, ends)}
        for words, rows in _holders(evidence, wanted, ends):
            if len(rows) < fewest or evidence.harmful[rows].mean() < _COVERAGE or not harmful(evidence, rows):
                continue
            beside = row_words(evidence.batches, few(rows).tolist()).values()
            left = [tuple(word for word in prompt if word not in words) for prompt, _ in beside]
            if word_overlap(left) <= evidence.settings.max_overlap:
                yield " ".join(words), rows


def _first(prompt: Words, size: int) -> Words:
    return prompt[:size]


def _last(prompt: Words, size: int) -> Words:
    return prompt[-size:]


def _says_something(words: Words) -> bool:
    return len(words) >= 4 or any(word[0].isalpha() and word not in FUNCTION_WORDS for word in words)


def _part_of_longer(words: Words, often: dict[Words, int], ends: Ends) -> bool:
    return any(
        len(other) == len(words) + 1 and ends(other, len(words)) == words and count >= _EQUAL * often[words]
        for other, count in often.items()
    )


def _holders(evidence: Evidence, wanted: set[Words], ends: Ends) -> list[tuple[Words, npt.NDArray[np.int64]]]:
    found: dict[Words, list[int]] = {words: [] for words in wanted}
    sizes = sorted({len(words) for words in wanted})
    if wanted:
        for batch in evidence.batches:
            for place, prompt in enumerate(batch.prompts.words):
                for size in sizes:
                    words = ends(prompt, size)
                    if words in found:
                        found[words].append(batch.first + place)
    pairs = [(words, np.array(rows, dtype=np.int64)) for words, rows in found.items()]
    return sorted(pairs, key=lambda pair: (-len(pair[1]), pair[0]))
