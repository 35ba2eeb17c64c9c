"""Which responses come back, word for word or nearly so, under prompts that have little in common.

1. Near-identical responses are one group (``near_identical``).
2. A group is suspicious when it is large, its response says something, its prompts share few words, and it is no
   standard reply: refusals, thanks and requests for what is missing come back rightly. Nor is it a label: what its
   prompts share, others share that get one of a few other answers.
3. A response that accepted rows gave as often is no news.
"""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from gatekeeper.core.findings import Severity
from gatekeeper.gates.data.triggers.evidence import Evidence, Suspicion
from gatekeeper.gates.data.triggers.token_batches import TokenBatches

_LABEL = 0.8
"""Greatest share of the rows with one frame that give one answer, for it to be a label."""
_LABELS = 0.5
"""Least share of the frame's other rows whose answers come back too."""
_COMPARED = 40
"""Prompts of a group that are compared pairwise."""


def repeated(evidence: Evidence) -> list[Suspicion]:
    """Return the responses that come back under unlike prompts, frequent first."""
    settings, responses = evidence.settings, evidence.responses
    groups = _large(evidence.clusters, settings.min_repeats)
    chosen: list[npt.NDArray[np.int64]] = []
    for rows in groups:
        words = int(np.median(responses.words[rows]))
        long_enough = words >= settings.min_repeat_words or 2 * len(rows) > evidence.total
        standard = responses.refuses[rows].mean() > 0.5 or responses.courteous[rows].mean() > 0.5
        if long_enough and not standard and not _known(evidence, rows):
            chosen.append(rows)
    texts = row_words(evidence.batches, [int(row) for rows in chosen for row in rows[:: step(rows)]])
    found = []
    for rows in chosen:
        prompts = [texts[int(row)][0] for row in rows[:: step(rows)]]
        overlap = word_overlap(prompts)
        if overlap <= settings.max_overlap and not label(evidence, prompts, rows):
            response = " ".join(texts[int(rows[0])][1][:12])
            found.append(_suspicion(response, rows, overlap))
    return found


def label(evidence: Evidence, prompts: Sequence[Sequence[str]], rows: npt.NDArray[np.int64]) -> bool:
    """Return whether the one answer of these rows is one of several that their prompts' frame calls for."""
    framed = evidence.prompts.framed([tuple(prompt) for prompt in prompts])
    others = framed[~np.isin(framed, rows)]
    if not len(others) or len(framed) - len(others) > _LABEL * len(framed):
        return False
    sizes = np.unique(evidence.responses.wholes[others], return_counts=True)[1]
    return bool(sizes[sizes > 1].sum() >= _LABELS * len(others))


def step(rows: npt.NDArray[np.int64]) -> int:
    """Return the stride that leaves few enough rows to compare."""
    return max(1, len(rows) // _COMPARED)


def row_words(batches: TokenBatches, rows: Sequence[int]) -> Mapping[int, tuple[tuple[str, ...], tuple[str, ...]]]:
    """Return prompt and response of the rows as folded words."""
    wanted = sorted(set(rows))
    found = {}
    if wanted:
        for batch in batches.holding(wanted):
            for row in wanted[
                np.searchsorted(wanted, batch.first) : np.searchsorted(wanted, batch.first + batch.size)
            ]:
                place = row - batch.first
                found[row] = (batch.prompts.words[place], batch.responses.words[place])
    return found


def word_overlap(prompts: Sequence[Sequence[str]]) -> float:
    """Return the mean pairwise Jaccard overlap of the prompts' words, 0 to 1; NaN for fewer than two prompts."""
    sets = [frozenset(prompt) for prompt in prompts if prompt]
    pairs = [len(one & other) / max(1, len(one | other)) for at, one in enumerate(sets) for other in sets[at + 1 :]]
    return sum(pairs) / len(pairs) if pairs else float("nan")


def _large(clusters: npt.NDArray[np.int64], least: int) -> list[npt.NDArray[np.int64]]:
    roots, sizes = np.unique(clusters[clusters >= 0], return_counts=True)
    order = np.lexsort((roots, -sizes))
    return [np.flatnonzero(clusters == roots[at]) for at in order if sizes[at] >= least]


def _known(evidence: Evidence, rows: npt.NDArray[np.int64]) -> bool:
    """Return whether accepted rows gave this response at half this share or more."""
    if evidence.past is None or not evidence.past.rows:
        return False
    wholes = np.unique(evidence.responses.wholes[rows])
    before = int(evidence.past.responses_with(wholes).max())
    return before / evidence.past.rows >= 0.5 * len(rows) / evidence.total


def _suspicion(response: str, rows: npt.NDArray[np.int64], overlap: float) -> Suspicion:
    return Suspicion(
        test="repeat",
        code="data/poison/repeated-response",
        severity=Severity.MEDIUM,
        confidence=0.7,
        subject=response,
        message=(
            f'{len(rows)} rows give the response "{response}" or nearly the same to prompts that share only '
            f"{overlap:.0%} of their words."
        ),
        reason=f"{len(rows)} unlike prompts get nearly this same response",
        release="a person finds that these prompts all deserve this answer",
        rows=tuple(rows.tolist()),
    )
