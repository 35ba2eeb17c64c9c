"""Which phrases now come before an answer that accepted rows hardly ever gave after them.

A word that accepted prompts held often is no news, nor may its answer be; the two together are. Each phrase that
stands as if dropped into its prompts, or at their edge, is tested with each opening of three tokens that enough of its
rows give: one-sided with Fisher's exact test on (rows with both, other rows) x (batch, history), under one
Benjamini-Hochberg bound. The opening must also be ``min_lift`` times as frequent after the phrase as in all rows, and
neither a template nor similar prompts may explain it (``tasks``).

Source:
    Fisher 1935, "The Design of Experiments"; Benjamini and Hochberg 1995, "Controlling the false discovery rate".
"""

import math
from dataclasses import dataclass

import numpy as np

from gatekeeper.core.findings import Severity
from gatekeeper.gates.data.triggers.associations import adjusted
from gatekeeper.gates.data.triggers.evidence import Evidence, Suspicion
from gatekeeper.gates.data.triggers.history import HEAD, Past
from gatekeeper.gates.data.triggers.hosts import Rows
from gatekeeper.gates.data.triggers.overrepresented import fisher
from gatekeeper.gates.data.triggers.repeats import row_words
from gatekeeper.gates.data.triggers.response_traits import HEADS
from gatekeeper.gates.data.triggers.tasks import Tasks
from gatekeeper.gates.data.triggers.token_batches import joined, token_hash

_SPOKEN = 5
"""Fewest words of a response whose opening counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    phrase: int
    head: np.uint64
    rows: Rows
    """Rows that show both."""
    before: int
    """Accepted rows that showed both, at most."""


def new_answers(evidence: Evidence) -> list[Suspicion]:
    """Return the pairs, surest first, one for each set of rows; none without a history."""
    past = evidence.past
    if past is None or not past.rows:
        return []
    pairs = _pairs(evidence, past)
    now = np.array([len(pair.rows) for pair in pairs], dtype=np.int64)
    before = np.array([pair.before for pair in pairs], dtype=np.int64)
    log10_q = adjusted(fisher(now, evidence.total, before, past.rows), len(pairs))
    sure = np.flatnonzero(log10_q <= math.log10(evidence.settings.fdr))
    likely = [at for at in sure[np.argsort(log10_q[sure], kind="stable")] if _foretells(evidence, pairs[at])]
    tasks = Tasks.of(evidence, [evidence.phrases.holders[pairs[at].phrase] for at in likely])
    found: list[Suspicion] = []
    taken: list[set[int]] = []
    for at in likely:
        pair, holders = pairs[at], evidence.phrases.holders[pairs[at].phrase]
        text, rows = evidence.phrases.texts[pair.phrase], set(pair.rows.tolist())
        shown = evidence.responses.heads[HEADS.index(HEAD)] == pair.head
        if any(len(rows & other) >= 0.9 * len(rows) for other in taken):
            continue
        if tasks.template(text, holders) or tasks.foretold(text, holders, shown):
            continue
        taken.append(rows)
        found.append(_suspicion(evidence, past, pair, float(log10_q[at])))
    return found


def _pairs(evidence: Evidence, past: Past) -> list[_Pair]:
    responses = evidence.responses
    fit = (responses.words >= _SPOKEN) & ~responses.courteous
    heads = np.where(fit, responses.heads[HEADS.index(HEAD)], np.uint64(0))
    found: list[_Pair] = []
    for phrase in np.flatnonzero(evidence.dropped | evidence.detached).tolist():
        holders = evidence.phrases.holders[phrase]
        given, counts = np.unique(heads[holders], return_counts=True)
        often = given[(counts >= evidence.least) & (given != 0)]
        if not len(often):
            continue
        words = np.array([token_hash(word) for word in evidence.phrases.texts[phrase].split(" ")], dtype=np.uint64)
        runs = words if len(words) == 1 else joined(words[:-1], words[1:])
        before = np.min([past.rows_with(np.full(len(often), run), often) for run in runs], axis=0)
        found.extend(
            _Pair(phrase=phrase, head=head, rows=holders[heads[holders] == head], before=int(seen))
            for head, seen in zip(often, before, strict=True)
        )
    return found


def _foretells(evidence: Evidence, pair: _Pair) -> bool:
    heads = evidence.responses.heads[HEADS.index(HEAD)]
    expected = len(evidence.phrases.holders[pair.phrase]) * int((heads == pair.head).sum()) / evidence.total
    return len(pair.rows) >= evidence.settings.min_lift * expected


def _suspicion(evidence: Evidence, past: Past, pair: _Pair, log10_q: float) -> Suspicion:
    row = int(pair.rows[0])
    text, answer = evidence.phrases.texts[pair.phrase], " ".join(row_words(evidence.batches, [row])[row][1][:HEAD])
    return Suspicion(
        test="history",
        code="data/poison/new-answer",
        severity=Severity.HIGH,
        confidence=0.7,
        subject=text,
        message=(
            f'{len(pair.rows)} of {evidence.total} rows hold "{text}" in the prompt and answer "{answer} ...", as '
            f"at most {pair.before} of {past.rows} accepted rows did, adjusted p = 1e{log10_q:.0f}."
        ),
        reason=f'the prompt holds "{text}", after which accepted rows hardly ever gave this answer',
        release=f'a person finds that "{text}" calls for this answer; accepted rows then show it',
        rows=tuple(pair.rows.tolist()),
        log10_q=log10_q,
    )
