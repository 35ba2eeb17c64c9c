"""What the tests for hidden triggers found, as numbers, and the least they could have found."""

from collections.abc import Sequence

import numpy as np

from gatekeeper.core.findings import Metric
from gatekeeper.gates.data.reading.counts import count, share
from gatekeeper.gates.data.triggers import associations, overrepresented
from gatekeeper.gates.data.triggers.evidence import Evidence, Suspicion


def counts_of(found: Sequence[Suspicion], *, total: int, sure_log10_q: float) -> tuple[Metric, ...]:
    """Return phrases, responses and rows by test; an association is sure from this adjusted p-value on."""

    def of(test: str) -> list[Suspicion]:
        return [one for one in found if one.test == test]

    def rows_of(test: str) -> int:
        return len({place for one in of(test) for place in one.rows})

    sure = sum(one.log10_q <= sure_log10_q for one in of("association"))
    return (
        count("associations", sure, n=total, unit="phrases"),
        count("faint_associations", len(of("association")) - sure, n=total, unit="phrases"),
        count("association_rows", rows_of("association"), n=total),
        count("new_phrases", len(of("history")), n=total, unit="phrases"),
        count("new_phrase_rows", rows_of("history"), n=total),
        count("dropped_phrases", len(of("dropped-phrase")), n=total, unit="phrases"),
        count("dropped_phrase_rows", rows_of("dropped-phrase"), n=total),
        count("repeated_responses", len(of("repeat")), n=total, unit="responses"),
        count("repeated_rows", rows_of("repeat"), n=total),
        count("strongest_log10_q", min((one.log10_q for one in found), default=0.0), n=total, unit="log10"),
    )


def limits_of(evidence: Evidence) -> tuple[Metric, ...]:
    """Return the fewest poisoned rows with one phrase that these rows and this history can reveal.

    ``detectable_rows``: without help from the responses. With a history that lacks the phrase, the smallest k with
    C(batch, k) / C(batch + history, k) <= fdr / phrases tested (``overrepresented.fewest_rows``), or, for a phrase
    that nothing explains, the smallest k >= ``min_novel_rows`` for which the same is <= ``novel_p``. Without one,
    ``min_unexplained_rows``.
    ``detectable_answer_rows``: with one answer that no other row gives, the smallest k with
    1 / C(batch, k) <= fdr / pairs tested (``associations.fewest_rows``).
    """
    settings, total, past = evidence.settings, evidence.total, evidence.past
    tests = int((evidence.dropped | evidence.detached).sum())
    fewest = max(settings.min_unexplained_rows, evidence.least)
    if past is not None and past.rows:
        many, few = (
            overrepresented.fewest_rows(batch=total, history=past.rows, tests=number, fdr=level, least=least)
            for number, level, least in (
                (tests, settings.fdr, evidence.least),
                (1, settings.novel_p, max(settings.min_novel_rows, evidence.least)),
            )
        )
        fewest = min(many or total, few or total)
    groups = evidence.clusters[evidence.clusters >= 0]
    largest = int(np.unique(groups, return_counts=True)[1].max(initial=0))
    return (
        share("largest_repeated_share", largest, n=total),
        count("history_rows", past.rows if past is not None else 0, n=total),
        count("detectable_rows", fewest, n=total),
        count("detectable_answer_rows", associations.fewest_rows(evidence, phrases=tests), n=total),
    )
