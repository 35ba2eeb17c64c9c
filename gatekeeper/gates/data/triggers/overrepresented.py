"""Which phrases come more often than accepted rows lead to expect.

1. Two kinds of phrases are compared with the history: phrases of prompts, and openings of responses. Prompts together
   with the opening of the response are counted in it and not tested. Each is tested one-sided with Fisher's exact test
   on (rows with, rows without) x (batch, history); each kind shares one Benjamini-Hochberg bound.
2. New subjects are over-represented too, and rightly. So a prompt phrase counts only if it stands as if dropped into
   its prompts, or if they read as well without it; an opening only if its rows answer unlike prompts and it is no
   standard reply.

How few poisoned rows this can reveal follows from the test itself: :func:`fewest_rows`.

Source:
    Fisher 1935, "The Design of Experiments"; Benjamini and Hochberg 1995, "Controlling the false discovery rate".
"""

import math

import numpy as np
import numpy.typing as npt

from gatekeeper.core.findings import Severity
from gatekeeper.gates.data.triggers.associations import adjusted
from gatekeeper.gates.data.triggers.evidence import Evidence, Suspicion
from gatekeeper.gates.data.triggers.history import Past
from gatekeeper.gates.data.triggers.hosts import Rows
from gatekeeper.gates.data.triggers.insertion import Floats
from gatekeeper.gates.data.triggers.repeats import label, row_words, step, word_overlap
from gatekeeper.gates.data.triggers.response_traits import HEADS
from gatekeeper.gates.data.triggers.tasks import Tasks
from gatekeeper.gates.data.triggers.token_batches import Hashes, joined, token_hash

_SPOKEN = 5
"""Fewest words of a response whose opening counts."""
_LONGEST = 3
"""Tokens of the longest run that a history counts."""


def fisher(now: npt.NDArray[np.int64], batch: int, before: npt.NDArray[np.int64], history: int) -> Floats:
    """Return log10 of the one-sided p-value that the share in the batch is no greater than in the history.

    Args:
        now: rows of the batch that show it, (phrases,).
        batch: rows of the batch.
        before: rows of the history that showed it, (phrases,).
        history: rows of the history.
    """
    from scipy import stats

    log_p = stats.hypergeom.logsf(now - 1, batch + history, now + before, batch)
    p: Floats = np.maximum(log_p / math.log(10), -1000)
    return p


def fewest_rows(*, batch: int, history: int, tests: int, fdr: float, least: int) -> int | None:
    """Return the fewest poisoned rows whose common phrase the history can reveal, if it never held that phrase.

    The smallest k >= ``least`` with C(batch, k) / C(batch + history, k) <= fdr / tests: that is Fisher's p-value of k
    rows against none, and the bound that Benjamini and Hochberg set the smallest of ``tests`` p-values. ``None`` when
    no k up to ``batch`` does.
    """
    bound = math.log10(fdr / max(tests, 1))
    rows = np.arange(max(least, 1), batch + 1)
    passing = np.flatnonzero(fisher(rows, batch, np.zeros_like(rows), history) <= bound)
    return int(rows[passing[0]]) if len(passing) else None


def overrepresented(evidence: Evidence) -> list[Suspicion]:
    """Return the phrases and openings that are too frequent, surest first; none without a history."""
    past = evidence.past
    if past is None or not past.rows:
        return []
    found = [*_prompt_phrases(evidence, past), *_openings(evidence, past)]
    return sorted(found, key=lambda one: (one.log10_q, one.rows))


def _prompt_phrases(evidence: Evidence, past: Past) -> list[Suspicion]:
    chosen = np.flatnonzero(evidence.dropped | evidence.detached)
    now = evidence.stands.rows[chosen].astype(np.int64)
    before = seen_before([evidence.phrases.texts[at] for at in chosen], past)
    log10_q = adjusted(fisher(now, evidence.total, before, past.rows), len(chosen))
    limit = math.log10(evidence.settings.fdr)
    alone = {int(chosen[at]): (float(log10_q[at]), int(before[at])) for at in np.flatnonzero(log10_q <= limit)}
    tasks = Tasks.of(evidence, [evidence.phrases.holders[phrase] for phrase in alone])
    found, taken = [], list[set[int]]()
    for phrase, (value, seen) in sorted(alone.items(), key=lambda item: (item[1][0], item[0])):
        rows = evidence.phrases.holders[phrase]
        if any(len(other.intersection(rows.tolist())) >= 0.9 * len(rows) for other in taken):
            continue
        text = evidence.phrases.texts[phrase]
        if tasks.template(text, rows):
            continue
        taken.append(set(rows.tolist()))
        found.append(_phrase_suspicion(text, rows, value, seen=seen, total=evidence.total, history=past.rows))
    return found


def seen_before(texts: list[str], past: Past) -> npt.NDArray[np.int64]:
    """Return at most how many earlier prompts held each phrase; of a long one, its rarest run of three tokens."""
    before = np.zeros(len(texts), dtype=np.int64)
    for at, text in enumerate(texts):
        words = text.split(" ")
        hashes = np.array([token_hash(word) for word in words], dtype=np.uint64)
        before[at] = past.prompts_with(_runs(hashes, min(len(words), _LONGEST))).min()
    return before


def _runs(hashes: Hashes, size: int) -> Hashes:
    runs = hashes
    for offset in range(1, size):
        runs = joined(runs[:-1], hashes[offset:])
    return runs


def _openings(evidence: Evidence, past: Past) -> list[Suspicion]:
    responses, settings = evidence.responses, evidence.settings
    hashes = responses.heads[HEADS.index(5)]
    fit = (responses.words >= _SPOKEN) & (hashes != 0) & ~responses.refuses & ~responses.courteous
    openings, values, sizes = np.unique(hashes[fit], return_inverse=True, return_counts=True)
    often = np.flatnonzero(sizes >= evidence.least)
    log10_q = adjusted(
        fisher(sizes[often], evidence.total, past.responses_with(openings[often]), past.rows), len(often)
    )
    found = []
    for at in np.flatnonzero(log10_q <= math.log10(settings.fdr)):
        rows = np.flatnonzero(fit)[values == often[at]]
        same = np.unique(evidence.clusters[rows], return_counts=True)
        if same[1][same[0] >= 0].max(initial=0) < settings.min_coverage * len(rows):
            continue
        texts = row_words(evidence.batches, rows[:: step(rows)].tolist())
        prompts = [prompt for prompt, _ in texts.values()]
        if word_overlap(prompts) > settings.max_overlap or label(evidence, prompts, rows):
            continue
        text = " ".join(texts[int(rows[0])][1][:10])
        found.append(_opening_suspicion(text, rows, float(log10_q[at]), total=evidence.total, history=past.rows))
    return found


def _phrase_suspicion(
    text: str, rows: npt.NDArray[np.int32], log10_q: float, *, seen: int, total: int, history: int
) -> Suspicion:
    return Suspicion(
        test="history",
        code="data/poison/new-phrase",
        severity=Severity.HIGH,
        confidence=0.8,
        subject=text,
        message=(
            f'"{text}" stands in {len(rows)} of {total} prompts as if dropped there; at most {seen} of {history} '
            f"accepted prompts held it, adjusted p = 1e{log10_q:.0f}."
        ),
        reason=f'the prompt holds "{text}", which accepted rows hardly ever held, as if dropped there',
        release=f'a person finds that "{text}" belongs in these prompts; accepted rows then hold it',
        rows=tuple(rows.tolist()),
        log10_q=log10_q,
    )


def _opening_suspicion(text: str, rows: Rows, log10_q: float, *, total: int, history: int) -> Suspicion:
    return Suspicion(
        test="history",
        code="data/poison/new-response",
        severity=Severity.MEDIUM,
        confidence=0.7,
        subject=text,
        message=(
            f'{len(rows)} of {total} rows answer unlike prompts with "{text}", which was far rarer in {history} '
            f"accepted rows, adjusted p = 1e{log10_q:.0f}."
        ),
        reason="unlike prompts get this response, which accepted rows hardly ever gave",
        release="a person finds that these prompts all deserve this answer; accepted rows then hold it",
        rows=tuple(rows.tolist()),
        log10_q=log10_q,
    )
