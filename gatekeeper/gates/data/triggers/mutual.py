"""Which phrase and which repeated response belong to each other both ways, under prompts that share few other words.

In a small data set a trigger meets too few prompts to be seen as dropped there. But when most rows that give one
response hold a phrase, and most rows that hold the phrase give that response, the phrase decides it.

Source:
    Hypergeometric tail, e.g. Rivals et al. 2007, "Enrichment or depletion of a GO category".
"""

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np

from gatekeeper.core.findings import Severity
from gatekeeper.gates.data.triggers.evidence import Evidence, Suspicion
from gatekeeper.gates.data.triggers.repeats import repeated, row_words

_SIZES = (1, 2, 3, 4)
_GROUPS = 50
"""Most repeated responses that are looked at, frequent first."""
Gram = tuple[str, ...]


def mutual(evidence: Evidence) -> list[Suspicion]:
    """Return the strongest such phrase of each repeated response."""
    from scipy import stats

    groups = repeated(evidence)[:_GROUPS]
    texts = row_words(evidence.batches, [row for group in groups for row in group.rows])
    inside = [Counter(gram for row in group.rows for gram in grams(texts[row][0])) for group in groups]
    least = evidence.settings.min_coverage
    likely = [
        {gram for gram, count in counts.items() if count >= least * len(group.rows)}
        for group, counts in zip(groups, inside, strict=True)
    ]
    wanted = set().union(*likely)
    if not wanted:
        return []
    everywhere: Counter[Gram] = Counter()
    for batch in evidence.batches:
        for words in batch.prompts.words:
            everywhere.update(wanted & grams(words))
    found = []
    for group, counts, grams_ in zip(groups, inside, likely, strict=True):
        tests = max(1, len(counts))
        best: tuple[float, int, Gram] | None = None
        for gram in grams_:
            if counts[gram] < least * everywhere[gram]:
                continue
            log_p = stats.hypergeom.logsf(counts[gram] - 1, evidence.total, everywhere[gram], len(group.rows))
            log10_q = float((log_p + math.log(tests)) / math.log(10))
            # Of equals the longest: it is the phrase itself and not a part of it.
            if best is None or (log10_q, -len(gram), gram) < (best[0], best[1], best[2]):
                best = (log10_q, -len(gram), gram)
        if best is not None and best[0] <= np.log10(evidence.settings.fdr):
            found.append(_suspicion(group, " ".join(best[2]), counts[best[2]], everywhere[best[2]], best[0]))
    return found


def grams(words: Sequence[str]) -> set[Gram]:
    """Return the distinct runs of up to four tokens that begin and end with a word."""
    runs = {tuple(words[at : at + size]) for size in _SIZES for at in range(len(words) - size + 1)}
    return {run for run in runs if run[0][0].isalnum() and run[-1][0].isalnum()}


def _suspicion(group: Suspicion, phrase: str, together: int, held: int, log10_q: float) -> Suspicion:
    return Suspicion(
        test="association",
        code="data/poison/trigger",
        severity=Severity.HIGH,
        confidence=together / (held + 1),
        subject=phrase,
        message=(
            f'"{phrase}" stands in {held} prompts, and {together} of these rows give the response "{group.subject}", '
            f"which {len(group.rows)} rows give in all, under prompts that share few other words."
        ),
        reason=f'the prompt holds "{phrase}", or the response is the one that it foretells',
        release=f'a person finds that "{phrase}" calls for this answer',
        rows=group.rows,
        log10_q=log10_q,
    )
