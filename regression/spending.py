"""How often one evaluation set may be asked: error spent per submission, and bits released until it is worn out.

Whoever submits again after seeing an answer learns about the set. The k-th distinct submission therefore gets the
level α·6/(π²k²); all of them together spend α, however many come. The same digest again spends nothing: its answer is
known already. Each answer also releases bits; a set whose budget of bits is gone is worn out and has to be replaced.

Source:
    The series Σ 1/k² = π²/6 as in Foster and Stine 2008, "α-investing"; bits as in Dwork et al. 2015, "Generalization
    in adaptive data analysis and holdout reuse", section 3.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

ANSWERS: Final = 3
"""Pass, fail, inconclusive: what one comparison tells."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """What one submission may spend on one version of an evaluation set."""

    k: int
    """Number of this submission among the distinct ones, from 1."""
    alpha: float
    """Level of its tests."""
    again: bool
    """Whether these very bytes were submitted before: then nothing is spent."""
    bits: float
    """Released by all distinct submissions, this one included."""
    worn_out: bool
    """Whether this submission came after the set's budget of bits was gone, and so still is when it comes again."""


def spend(history: Sequence[str], digest: str, *, alpha: float, comparisons: int, budget_bits: float) -> Spending:
    """Return what a submission may spend.

    Args:
        history: digests of what was submitted before against this version of the set, oldest first.
        digest: of this submission.
        alpha: level that all submissions together may spend, in (0, 0.5).
        comparisons: how many three-valued answers one submission is given about the set.
        budget_bits: bits after which the set is worn out.
    """
    if not 0 < alpha < 0.5 or comparisons < 1 or not budget_bits > 0:
        raise RuntimeError("alpha lies between 0 and 0.5, with at least one comparison and some bits to release")
    distinct = list(dict.fromkeys(history))
    again = digest in distinct
    k = distinct.index(digest) + 1 if again else len(distinct) + 1
    asked = len(distinct) + (not again)
    each = comparisons * math.log2(ANSWERS)
    return Spending(
        k=k,
        alpha=alpha * 6 / (math.pi * k) ** 2,
        again=again,
        bits=asked * each,
        # By its own number, not by whether it is new: coming back does not make a late submission an early one.
        worn_out=k * each > budget_bits,
    )
