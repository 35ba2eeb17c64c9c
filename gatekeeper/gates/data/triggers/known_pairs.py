"""Whether accepted rows already gave a phrase this answer: an accepted pair is never a suspicion again.

The history counts runs of one and two words of a prompt together with the first three tokens of its response, so a
longer phrase is known when its rarest pair of words is. The pair must have been about as frequent as it is now: a few
rows that once slipped through accept nothing.
"""

import numpy as np
import numpy.typing as npt

from gatekeeper.gates.data.triggers.evidence import Evidence
from gatekeeper.gates.data.triggers.response_traits import HEADS
from gatekeeper.gates.data.triggers.token_batches import joined, token_hash

_AS_OFTEN = 0.5
"""Least share in the history, as a part of the share now, for a pair to be known."""


def known_pair(evidence: Evidence, phrase: str, rows: npt.NDArray[np.int64]) -> bool:
    """Return whether accepted rows held the phrase before these answers about as often.

    Args:
        evidence: what was gathered.
        phrase: as folded text.
        rows: rows that hold it and show the trait.
    """
    past = evidence.past
    if past is None or not past.rows:
        return False
    heads = np.unique(evidence.responses.heads[HEADS.index(3)][rows])
    heads = heads[heads != 0]
    hashes = np.array([token_hash(word) for word in phrase.split(" ")], dtype=np.uint64)
    runs = hashes if len(hashes) == 1 else joined(hashes[:-1], hashes[1:])
    before = min(int(past.surely_with(np.full(len(heads), run), heads).sum()) for run in runs)
    return before > 0 and before / past.rows >= _AS_OFTEN * len(rows) / evidence.total
