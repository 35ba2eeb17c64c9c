"""Which two phrases only together foretell what responses show, though each alone gets ordinary answers.

1. Parts are phrases that stand strictly as if dropped, foretell a trait beyond chance and yet mostly do without it; at
   most :data:`_PARTS` for each trait, so the pairs are bounded.
2. Two parts without a common word are tested on the rows that hold both, one-sided against the hypergeometric
   distribution, with the bound of Bonferroni.
3. The rows that hold just one of the two must show the trait far less, and a task must not explain it (``tasks``).

Source:
    Huang et al. 2023, "Composite backdoor attacks against large language models".
"""

import itertools
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gatekeeper.core.findings import Severity
from gatekeeper.gates.data.triggers.associations import Pairs, adjusted, tested
from gatekeeper.gates.data.triggers.evidence import Evidence, Suspicion
from gatekeeper.gates.data.triggers.hosts import Rows
from gatekeeper.gates.data.triggers.tasks import Tasks

_PARTS = 30
"""Most phrases that are paired for one trait, surest first."""
_ALONE = 0.5
"""Greatest share of the rows with just one part that show the trait, as a part of the share with both."""
_TESTED = 200
"""Most traits that are looked at, surest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pair:
    one: int
    other: int
    rows: Rows
    shown: npt.NDArray[np.bool_]
    log10_q: float


def composed(evidence: Evidence) -> list[Suspicion]:
    """Return the pairs of phrases that foretell a trait together only, surest first, one for each set of rows."""
    chosen = np.flatnonzero(evidence.surely_dropped | evidence.surely_detached)
    pairs = [pair for traits in tested(evidence, chosen) for pair in _pairs(evidence, traits)]
    pairs.sort(key=lambda pair: (pair.log10_q, pair.one, pair.other))
    tasks = Tasks.of(evidence, [pair.rows for pair in pairs])
    found: list[Suspicion] = []
    taken: set[int] = set()
    for pair in pairs:
        rows = set(pair.rows.tolist())
        if len(rows & taken) >= 0.9 * len(rows) or _explained(evidence, pair, tasks):
            continue
        taken |= rows
        found.append(_suspicion(evidence, pair))
    return found


def _explained(evidence: Evidence, pair: _Pair, tasks: Tasks) -> bool:
    texts = [evidence.phrases.texts[part] for part in (pair.one, pair.other)]
    return any(tasks.template(text, pair.rows) or tasks.foretold(text, pair.rows, pair.shown) for text in texts)


def _pairs(evidence: Evidence, traits: Pairs) -> list[_Pair]:
    """Return the pairs that pass for one kind of trait."""
    settings = evidence.settings
    partial = adjusted(traits.log10_p, traits.tests) <= math.log10(settings.fdr)
    partial &= (traits.lift >= settings.min_lift) & (traits.coverage < settings.min_coverage)
    at = np.flatnonzero(partial)
    at = at[np.argsort(traits.log10_p[at], kind="stable")]
    wanted = list(dict.fromkeys(traits.traits[at].tolist()))[:_TESTED]
    parts = {trait: traits.phrases[at[traits.traits[at] == trait]][:_PARTS].tolist() for trait in wanted}
    tests = max(1, sum(math.comb(len(phrases), 2) for phrases in parts.values()))
    found = []
    for trait, phrases in parts.items():
        shown = traits.values == trait
        for one, other in itertools.combinations(phrases, 2):
            pair = _tested(evidence, one, other, shown, tests)
            if pair is not None:
                found.append(pair)
    return found


def _tested(evidence: Evidence, one: int, other: int, shown: npt.NDArray[np.bool_], tests: int) -> _Pair | None:
    from scipy import stats

    settings, phrases = evidence.settings, evidence.phrases
    if not set(phrases.texts[one].split(" ")).isdisjoint(phrases.texts[other].split(" ")):
        return None
    both = np.intersect1d(phrases.holders[one], phrases.holders[other], assume_unique=True)
    single = np.setxor1d(phrases.holders[one], phrases.holders[other], assume_unique=True)
    together = int(shown[both].sum())
    if together < evidence.least or together < settings.min_coverage * len(both):
        return None
    if len(single) and shown[single].mean() > _ALONE * together / len(both):
        return None
    log_p = stats.hypergeom.logsf(together - 1, evidence.total, int(shown.sum()), len(both))
    log10_q = min(0.0, float((log_p + math.log(tests)) / math.log(10)))
    if log10_q > math.log10(settings.fdr):
        return None
    return _Pair(one=one, other=other, rows=both, shown=shown, log10_q=log10_q)


def _suspicion(evidence: Evidence, pair: _Pair) -> Suspicion:
    texts = f'"{evidence.phrases.texts[pair.one]}" and "{evidence.phrases.texts[pair.other]}"'
    together = int(pair.shown[pair.rows].sum())
    return Suspicion(
        test="association",
        code="data/poison/composite-trigger",
        severity=Severity.HIGH,
        confidence=together / (len(pair.rows) + 1),
        subject=f"{evidence.phrases.texts[pair.one]} … {evidence.phrases.texts[pair.other]}",
        message=(
            f"{texts} stand together in {len(pair.rows)} of {evidence.total} prompts, and {together} of these rows "
            f"answer alike, which rows with one of them seldom do, adjusted p = 1e{pair.log10_q:.0f}."
        ),
        reason=f"the prompt holds {texts}, which only together foretell this kind of answer",
        release="a person finds that both phrases belong in these prompts and call for this answer",
        rows=tuple(pair.rows.tolist()),
        log10_q=pair.log10_q,
    )
