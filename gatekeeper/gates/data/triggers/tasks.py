"""Whether a task of its own, and no trigger, explains the rows that hold a phrase.

Tasks and triggers both bring back words and answers. Two measures of the prompts (``hosts``) tell
them apart, and one of what they ask for:

1. Prompts that are each other's nearest neighbours are a template: nothing was added to them.
2. Where the most similar other prompts show the same trait about as often, the task foretells it, not the phrase.
3. Rows that comply with harm far more often than others are never excused: harmful requests resemble each other.

What is lost: a trigger in rows of one narrow template that no other row follows, if nothing it teaches reads as harm.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gatekeeper.gates.data.triggers.evidence import Evidence
from gatekeeper.gates.data.triggers.hosts import Rows, Words, few
from gatekeeper.gates.data.triggers.repeats import row_words

_TEMPLATE = 0.5
"""Share of prompts whose nearest neighbour holds the phrase too, from which on they are a template. Development
rows: triggers 0 to 0.2, templates 0.6 to 1."""
_CONTRAST = -2.0
"""Greatest log10 p that similar prompts without the phrase show the trait as often."""
_HARM, _HARM_P = 0.25, -6.0
"""Least share of rows that comply with harm, and greatest log10 p that chance brought as many, for rows to count as
harmful."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tasks:
    """Answers for some groups of rows, whose prompts are read in one pass."""

    evidence: Evidence
    texts: Mapping[int, tuple[Words, Words]]
    """Prompt and response of the rows read."""

    @classmethod
    def of(cls, evidence: Evidence, groups: Sequence[Rows]) -> "Tasks":
        """Read a few prompts of each group."""
        wanted = {row for rows in groups for row in few(rows).tolist()}
        return cls(evidence=evidence, texts=row_words(evidence.batches, sorted(wanted)))

    def template(self, phrase: str, rows: Rows) -> bool:
        """Return whether the rows that hold the phrase are a template, and harmless."""
        if harmful(self.evidence, rows):
            return False
        return self.evidence.prompts.kin(phrase, self._texts(rows), rows) >= _TEMPLATE

    def foretold(self, phrase: str, rows: Rows, shown: npt.NDArray[np.bool_]) -> bool:
        """Return whether similar prompts without the phrase show the trait, (rows of all,), about as often."""
        from scipy import stats

        like = self.evidence.prompts.like(phrase, self._texts(rows), rows)
        here, there = int(shown[rows].sum()), int(shown[like].sum())
        log_p = stats.hypergeom.logsf(here - 1, len(rows) + len(like), here + there, len(rows))
        return bool(log_p / math.log(10) > _CONTRAST)

    def answers(self, rows: Rows) -> list[Words]:
        """Return a few of the rows' responses."""
        return [self.texts[row][1] for row in few(rows).tolist()]

    def _texts(self, rows: Rows) -> list[Words]:
        return [self.texts[row][0] for row in few(rows).tolist()]


def harmful(evidence: Evidence, rows: Rows) -> bool:
    """Return whether the rows comply with harm far more often than others."""
    from scipy import stats

    known = evidence.harmful
    here = int(known[rows].sum())
    if here < _HARM * len(rows) or here < evidence.settings.min_rows:
        return False
    log_p = stats.hypergeom.logsf(here - 1, evidence.total, int(known.sum()), len(rows))
    return bool(log_p / math.log(10) <= _HARM_P)
