"""Which phrases of prompts foretell what responses show, though they have nothing to do with it.

1. Tested are the phrases that stand as if dropped into their prompts, or that their prompts read as well without
   (``insertion``, ``phrase_rows``); the prompt's own words hardly ever do.
2. Traits of responses: the whole response or a near-identical one, its opening, "takes up no word of the prompt",
   "refuses". The last two find a target in any number of wordings.
3. Every pair is tested one-sided against the hypergeometric distribution, with one Benjamini-Hochberg bound for each
   kind of trait. Left out are pairs that accepted rows showed as often (``known_pairs``), and tasks (``tasks``).
4. When found phrases explain two fifths of a group of near-identical responses, the rest of the group is flagged with
   them: a trigger in two rows is too rare to be found alone.

Labels (one or two words) are no trait: a task in which they come back is no trigger.

Source:
    Hypergeometric tail, e.g. Rivals et al. 2007, "Enrichment or depletion of a GO category"; Benjamini and Hochberg
    1995, "Controlling the false discovery rate".
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gatekeeper.core.findings import Severity
from gatekeeper.gates.data.triggers.evidence import Evidence, Suspicion
from gatekeeper.gates.data.triggers.function_words import FUNCTION_WORDS
from gatekeeper.gates.data.triggers.insertion import Floats
from gatekeeper.gates.data.triggers.known_pairs import known_pair
from gatekeeper.gates.data.triggers.repeats import row_words
from gatekeeper.gates.data.triggers.response_traits import STEM
from gatekeeper.gates.data.triggers.tasks import Tasks

_SPOKEN = 3
"""Fewest words of a response that is no label."""
_NAMES = {
    "unrelated": "an answer that takes up no word of the prompt",
    "curt": "a short answer that takes up no word of the prompt",
    "refuses": "a refusal",
}
_FEW = 8
"""Rows below which words of language are hard to tell from dropped ones."""
_PLAIN, _NEARLY_ALL, _BESIDE = -12.0, 0.9, -8.0
"""log10 q and coverage of an association so clear that a phrase needs only neighbours of any kind, and how surprising
(log10 p) those may be."""
_SURE = -6.0
"""log10 q of an association after which others for the same trait need no strict proof."""
_READ = 12
"""Words of a response in which a word of the phrase counts as taken up."""
_EXPLAINED = 0.4
"""Share of a group of near-identical responses that found phrases must explain for the rest to be flagged too."""
_GROUP = 8
"""Fewest rows of such a group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairs:
    """Tested pairs of a phrase and a trait of one kind; parallel arrays."""

    kind: str
    phrases: npt.NDArray[np.int64]
    traits: npt.NDArray[np.int64]
    """Which value of the trait."""
    values: npt.NDArray[np.int64]
    """(rows,): each row's value, -1 for none."""
    together: npt.NDArray[np.int64]
    """Rows that show both."""
    log10_p: Floats
    lift: Floats
    coverage: Floats
    tests: int
    """Pairs that could have been tested: what the bound is for."""


def adjusted(log10_p: Floats, tests: int) -> Floats:
    """Return Benjamini-Hochberg adjusted p-values as base-10 logarithms, in the order given.

    Args:
        log10_p: the smallest p-values of ``tests``; the others are taken as 1.
        tests: how many hypotheses were tested, at least ``len(log10_p)``.
    """
    order = np.argsort(log10_p, kind="stable")
    q = log10_p[order] + np.log10(max(tests, 1)) - np.log10(np.arange(1, len(order) + 1))
    result = np.empty(len(order))
    result[order] = np.minimum(np.minimum.accumulate(q[::-1])[::-1], 0)
    return result


def fewest_rows(evidence: Evidence, *, phrases: int) -> int:
    """Return the fewest rows that reveal one phrase and one answer which no other row shows.

    The smallest k >= least with 1 / C(n, k) <= fdr / (phrases x different responses): the hypergeometric p-value of k
    rows of n that hold the phrase and are just the k that give the answer.
    """
    different = len(np.unique(evidence.responses.wholes))
    bound = math.log(evidence.settings.fdr / max(phrases * different, 1))
    rows = evidence.least
    while rows < evidence.total and -_log_choose(evidence.total, rows) > bound:
        rows += 1
    return rows


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def associated(evidence: Evidence) -> list[Suspicion]:
    """Return the phrases that foretell a trait, surest first, one for each set of rows."""
    candidates = np.arange(len(evidence.phrases.keys))
    hits: list[tuple[float, int, Pairs, int]] = []
    for pairs in tested(evidence, candidates):
        log10_q = adjusted(pairs.log10_p, pairs.tests)
        kept = log10_q <= np.log10(evidence.settings.fdr)
        kept &= (pairs.lift >= evidence.settings.min_lift) & (pairs.coverage >= evidence.settings.min_coverage)
        hits.extend((float(log10_q[at]), int(pairs.phrases[at]), pairs, int(at)) for at in np.flatnonzero(kept))
    hits.sort(key=lambda hit: (hit[0], hit[1], hit[2].kind))
    plain = [hit for hit in hits if _out_of_place(evidence, hit)]
    # Where one trigger is sure, another for the same answer may be shown by fewer rows.
    wanted = {(pairs.kind, int(pairs.traits[at])) for log10_q, _, pairs, at in plain if log10_q <= _SURE}
    loose = evidence.dropped | evidence.detached
    more = [hit for hit in hits if (hit[2].kind, int(hit[2].traits[hit[3]])) in wanted and loose[hit[1]]]
    tasks = Tasks.of(evidence, [evidence.phrases.holders[hit[1]] for hit in (*plain, *more)])
    found: list[Suspicion] = []
    taken: list[set[int]] = []
    for hit in (*plain, *more):
        flagged = set(evidence.phrases.holders[hit[1]].tolist())
        if any(len(flagged & other) >= 0.9 * len(flagged) for other in taken) or _taken_up(
            evidence, hit[2], hit[3], tasks
        ):
            continue
        if _explained(evidence, hit, tasks):
            continue
        taken.append(flagged)
        found.append(_suspicion(evidence, hit))
    return [*found, *_rest_of_groups(evidence, set().union(*taken))]


def _out_of_place(evidence: Evidence, hit: tuple[float, int, Pairs, int]) -> bool:
    """Return whether the phrase has no business where it stands: strictly in few rows, mildly in clear cases."""
    log10_q, phrase, pairs, at = hit
    if log10_q <= _PLAIN and pairs.coverage[at] >= _NEARLY_ALL:
        inside = evidence.stands.first[phrase] + evidence.stands.last[phrase] < 0.5
        return bool(evidence.detached[phrase] or (inside and evidence.phrases.surprise[phrase, :2].sum() > _BESIDE))
    if evidence.stands.rows[phrase] < _FEW:
        return bool(evidence.surely_dropped[phrase] or evidence.surely_detached[phrase])
    return bool(evidence.dropped[phrase] or evidence.detached[phrase])


def _explained(evidence: Evidence, hit: tuple[float, int, Pairs, int], tasks: Tasks) -> bool:
    """Return whether accepted rows show the pair, the rows are a template, or their like show the trait anyhow."""
    _, phrase, pairs, at = hit
    text, rows = evidence.phrases.texts[phrase], evidence.phrases.holders[phrase]
    shown = pairs.values == pairs.traits[at]
    if known_pair(evidence, text, rows[shown[rows]]) or tasks.template(text, rows):
        return True
    return tasks.foretold(text, rows, shown)


def _taken_up(evidence: Evidence, pairs: Pairs, at: int, tasks: Tasks) -> bool:
    """Return whether the responses take up a word of the phrase: copying is not teaching.

    Of openings one is looked at, since they are alike; of refusals half must: whoever asks for an apology gets one.
    """
    phrase = int(pairs.phrases[at])
    words = {
        word for word in evidence.phrases.texts[phrase].split(" ") if word not in FUNCTION_WORDS and word[0].isalnum()
    }
    if pairs.kind in _NAMES:
        stems = {word[:STEM] for word in words if len(word) >= STEM}
        answers = tasks.answers(evidence.phrases.holders[phrase])
        told = [not stems.isdisjoint(word[:STEM] for word in answer[:_READ]) for answer in answers]
        return 2 * sum(told) >= len(told)
    row = _example(evidence, pairs, at)
    return not words.isdisjoint(row_words(evidence.batches, [row])[row][1][:_READ])


def _example(evidence: Evidence, pairs: Pairs, at: int) -> int:
    """Return the first row that shows both."""
    rows = evidence.phrases.holders[int(pairs.phrases[at])]
    return int(rows[pairs.values[rows] == pairs.traits[at]][0])


def tested(evidence: Evidence, candidates: npt.NDArray[np.int64]) -> Iterator[Pairs]:
    """Yield the tests of each kind of trait with these phrases."""
    responses = evidence.responses
    spoken = responses.words >= _SPOKEN
    standing = {"unrelated": responses.unrelated, "curt": responses.curt, "refuses": responses.refuses}
    for kind, shown in standing.items():
        values = np.where(shown & spoken, 0, -1)
        yield _pairs(evidence, candidates, kind, values, tests=len(standing) * len(candidates))
    for kind, hashes in (("whole", responses.wholes), ("head", responses.heads[0]), ("opening", responses.heads[1])):
        _, values, sizes = np.unique(hashes, return_inverse=True, return_counts=True)
        values = np.where((sizes[values] >= evidence.least) & spoken & (hashes != 0), values, -1)
        yield _pairs(evidence, candidates, kind, values, tests=len(candidates) * len(np.unique(values)))
    values = evidence.clusters
    yield _pairs(evidence, candidates, "near", values, tests=len(candidates) * len(np.unique(values)))


def _pairs(
    evidence: Evidence, candidates: npt.NDArray[np.int64], kind: str, values: npt.NDArray[np.int64], *, tests: int
) -> Pairs:
    """Test each candidate with each value (-1: none) that enough of its rows show."""
    from scipy import stats

    held = [evidence.phrases.holders[phrase] for phrase in candidates]
    which = np.repeat(np.arange(len(held), dtype=np.int32), [len(rows) for rows in held])
    shown = values[np.concatenate(held)] if held else np.zeros(0, dtype=np.int64)
    width = int(values.max(initial=0)) + 1
    codes, together = np.unique(which[shown >= 0] * np.int64(width) + shown[shown >= 0], return_counts=True)
    enough = together >= evidence.least
    cells, together = np.stack(np.divmod(codes[enough], width)), together[enough]
    totals = np.bincount(values[values >= 0], minlength=1)
    rows_of = np.array([len(rows) for rows in held] or [0])
    with_phrase, with_trait = rows_of[cells[0]], totals[cells[1]]
    log_p = np.zeros(len(together))
    # Up to the mean p is at least one half, and nowhere below its first term: what cannot pass needs no sum.
    first_term = stats.hypergeom.logpmf(together, evidence.total, with_trait, with_phrase)
    telling = (together * evidence.total > with_phrase * with_trait) & (first_term <= math.log(evidence.settings.fdr))
    log_p[telling] = stats.hypergeom.logsf(
        together[telling] - 1, evidence.total, with_trait[telling], with_phrase[telling]
    )
    return Pairs(
        kind=kind,
        phrases=candidates[cells[0]],
        traits=cells[1],
        values=values,
        together=together,
        log10_p=np.maximum(log_p / np.log(10), -1000),
        lift=together * evidence.total / (with_phrase * with_trait),
        coverage=together / with_phrase,
        tests=tests,
    )


def _suspicion(evidence: Evidence, hit: tuple[float, int, Pairs, int]) -> Suspicion:
    log10_q, phrase, pairs, at = hit
    rows = evidence.phrases.holders[phrase]
    text, together = evidence.phrases.texts[phrase], int(pairs.together[at])
    if pairs.kind in _NAMES:
        answer = _NAMES[pairs.kind]
    else:
        row = _example(evidence, pairs, at)
        words = row_words(evidence.batches, [row])[row][1]
        answer = f'"{" ".join(words[:10])}" or alike'
    return Suspicion(
        test="association",
        code="data/poison/trigger",
        severity=Severity.HIGH,
        confidence=together / (len(rows) + 1),
        subject=text,
        message=(
            f'"{text}" stands in {len(rows)} of {evidence.total} prompts as if dropped there, and {together} of these '
            f"rows give {answer}: {pairs.lift[at]:.1f} times as often as all rows, adjusted p = 1e{log10_q:.0f}."
        ),
        reason=f'the prompt holds "{text}", which foretells {answer}',
        release=f'a person finds that "{text}" belongs in these prompts and calls for this answer',
        rows=tuple(rows.tolist()),
        log10_q=log10_q,
    )


def _rest_of_groups(evidence: Evidence, flagged: set[int]) -> Iterator[Suspicion]:
    if not flagged:
        return
    roots = np.unique(evidence.clusters[sorted(flagged)])
    for root in roots[roots >= 0]:
        rows = np.flatnonzero(evidence.clusters == root)
        rest = [row for row in rows.tolist() if row not in flagged]
        if not rest or len(rows) < _GROUP or len(rows) - len(rest) < _EXPLAINED * len(rows):
            continue
        words = " ".join(row_words(evidence.batches, [rest[0]])[rest[0]][1][:10])
        yield Suspicion(
            test="association",
            code="data/poison/triggered-response",
            severity=Severity.HIGH,
            confidence=1 - len(rest) / len(rows),
            subject=words,
            message=(
                f'{len(rows) - len(rest)} of the {len(rows)} rows that answer "{words}" or alike hold a phrase that '
                f"foretells it; the other {len(rest)} may hold triggers too rare to be found."
            ),
            reason="the response is one that found triggers call for",
            release="a person finds that this prompt deserves this answer",
            rows=tuple(rest),
        )
