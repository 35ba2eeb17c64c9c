"""Whether some rows teach a hidden trigger: a phrase that has nothing to do with the answer and yet decides it.

1. Every text is decoded first (``reading.decoding``), so that a trigger cannot hide in look-alike letters or invisible
   characters.
2. What the tests look at is gathered in three passes (``triggers.evidence``).
3. Each of :data:`TESTS` returns what it finds suspicious; a row is flagged when any test flags it.

Plain text has no prompt: its first half is read as one. Each flagged row and test is a line of ``flagged.jsonl``.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gatekeeper.core.findings import Finding, GateReport, Metric, Severity
from gatekeeper.core.gate import GateContext, gate
from gatekeeper.core.rows import RowSource
from gatekeeper.gates.data.reading.counts import count, share
from gatekeeper.gates.data.reading.decoding import hides_characters
from gatekeeper.gates.data.reading.spans import whole, write_lines

if TYPE_CHECKING:
    from gatekeeper.gates.data.triggers.evidence import Evidence, Settings, Suspicion

ATTACHMENT = "flagged.jsonl"
"""One line a flagged row and test: ``row``, ``id``, ``test``, ``reason``, ``release``."""
_SHOWN = 200
"""Most findings of one report; the attachment holds every row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """How much evidence makes a suspicion; chosen on one part of the public rows and reported on another."""

    fdr: float = 0.001
    """False discovery rate of each test: one in a thousand reported phrases may be chance."""
    min_rows: int = 4
    """Fewest rows that must hold a phrase."""
    min_share: float = 0.00005
    """Least share of all rows that must hold it, which bounds memory: 50 of a million."""
    min_lift: float = 3.0
    """Least factor by which the phrase raises a trait's share; poison at a quarter of all rows still has four."""
    min_coverage: float = 0.75
    """Least share of a phrase's rows that show the trait: a trigger word may also occur honestly."""
    min_unexplained_rows: int = 12
    """Fewest rows for a dropped phrase to count without other evidence: below it, words of language pass for one."""
    min_novel_rows: int = 8
    """The same where a history lacks the phrase."""
    novel_p: float = 0.01
    """Greatest p-value, for that one phrase, that the history lacks it by chance."""
    sure_log10_q: float = -6.0
    """log10 of the adjusted p-value from which on an association is counted as sure, not faint."""
    min_repeats: int = 10
    """Fewest near-identical responses that count as repeated."""
    min_repeat_words: int = 5
    """Shortest response that counts: labels such as "No, it is not" come back rightly. In most rows at once, three
    words do."""
    max_overlap: float = 0.35
    """Greatest mean word overlap of prompts that are still unlike each other; a template with many names has more."""
    tested_rows: int = 20
    """Fewest rows that can be tested at all; fewer leave the question unmeasured."""


@gate("data/poison", asks="Do some rows teach a hidden trigger?", params=Params, version=2)
def data_poison(context: GateContext, params: Params) -> GateReport:
    """Report phrases and responses that nothing but a hidden trigger explains, and the rows that hold them."""
    if context.rows is None:
        return data_poison.unmeasured("No training rows were given.")
    from gatekeeper.gates.data.triggers.evidence import gather
    from gatekeeper.gates.data.triggers.history import Past
    from gatekeeper.gates.data.triggers.token_batches import TokenBatches

    context.progress.start("poison: hidden characters", None)
    total, hidden = 0, list[int]()
    for row in context.rows:
        if hides_characters(row.prompt) or hides_characters(row.response):
            hidden.append(total)
        total += 1
        context.progress.advance()
    if total < params.tested_rows:
        return data_poison.unmeasured(
            f"{total} rows are too few to tell a trigger from chance; {params.tested_rows} are needed."
        )
    context.progress.start("poison: phrases", None)
    batches = TokenBatches(context.rows, read=context.progress.advance)
    past = Past(context.history) if context.history is not None else None
    evidence = gather(batches, past, _settings(params))
    if evidence is None:
        return data_poison.unmeasured("The rows could be read once and not again.")
    found = [one for test in _tests() for one in test(evidence)]
    flagged = {place for one in found for place in one.rows}.union(hidden)
    ids = _ids(context.rows, flagged)
    write_lines(context.workdir / ATTACHMENT, _lines(found, hidden, ids))
    shown = sorted(found, key=lambda one: (-one.severity, one.log10_q, -len(one.rows), one.subject))[:_SHOWN]
    return data_poison.measured(
        metrics=(*_counts(found, hidden, total, params.sure_log10_q), *_limits(evidence)),
        findings=(*map(_finding, shown), *_hidden_findings([ids[place] for place in hidden])),
        attachments=(context.attach(ATTACHMENT),),
    )


def _tests() -> "tuple[Callable[[Evidence], list[Suspicion]], ...]":
    """Return the tests, each a function from the evidence to what it finds."""
    from gatekeeper.gates.data.triggers.associations import associated
    from gatekeeper.gates.data.triggers.overrepresented import overrepresented
    from gatekeeper.gates.data.triggers.repeats import repeated
    from gatekeeper.gates.data.triggers.unexplained import unexplained

    return (overrepresented, associated, repeated, unexplained)


def _settings(params: Params) -> "Settings":
    from gatekeeper.gates.data.triggers.evidence import Settings

    return Settings(
        fdr=params.fdr,
        min_rows=params.min_rows,
        min_share=params.min_share,
        min_lift=params.min_lift,
        min_coverage=params.min_coverage,
        min_unexplained_rows=params.min_unexplained_rows,
        min_novel_rows=params.min_novel_rows,
        novel_p=params.novel_p,
        min_repeats=params.min_repeats,
        min_repeat_words=params.min_repeat_words,
        max_overlap=params.max_overlap,
    )


def _ids(rows: RowSource, places: set[int]) -> dict[int, tuple[int, str]]:
    """Return index and id of the rows at these positions."""
    return {place: (row.index, row.id) for place, row in enumerate(rows) if place in places}


def _lines(
    found: "Sequence[Suspicion]", hidden: Sequence[int], ids: dict[int, tuple[int, str]]
) -> Iterator[dict[str, object]]:
    lines = {
        (*ids[place], one.test, _short(one.reason, 300), _short(one.release, 300))
        for one in found
        for place in one.rows
    }
    reason, release = "letters are hidden or made to look like others", "a person reads the row as the model would"
    lines.update((*ids[place], "hidden-characters", reason, release) for place in hidden)
    for row, id_, test, why, then in sorted(lines):
        yield {"row": row, "id": id_, "test": test, "reason": why, "release": then}


def _counts(
    found: "Sequence[Suspicion]", hidden: Sequence[int], total: int, sure_log10_q: float
) -> tuple[Metric, ...]:
    def of(test: str) -> "list[Suspicion]":
        return [one for one in found if one.test == test]

    def rows_of(test: str) -> int:
        return len({place for one in of(test) for place in one.rows})

    sure = sum(one.log10_q <= sure_log10_q for one in of("association"))
    flagged = len({place for one in found for place in one.rows}.union(hidden))
    return (
        count("rows", total, n=total),
        count("flagged_rows", flagged, n=total),
        share("flagged_share", flagged, n=total),
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
        count("hidden_character_rows", len(hidden), n=total),
    )


def _limits(evidence: "Evidence") -> tuple[Metric, ...]:
    """Return the fewest poisoned rows with one phrase that these rows and this history can reveal.

    ``detectable_rows``: without help from the responses. With a history that lacks the phrase, the smallest k with
    C(batch, k) / C(batch + history, k) <= fdr / phrases tested (``overrepresented.fewest_rows``), or, for a phrase
    that nothing explains, the smallest k >= ``min_novel_rows`` for which the same is <= ``novel_p``. Without one,
    ``min_unexplained_rows``.
    ``detectable_answer_rows``: with one answer that no other row gives, the smallest k with
    1 / C(batch, k) <= fdr / pairs tested (``associations.fewest_rows``).
    """
    import numpy as np

    from gatekeeper.gates.data.triggers import associations, overrepresented

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


def _short(text: str, limit: int = 60) -> str:
    shown = whole(text)
    return shown if len(shown) <= limit else shown[: limit - 1] + "…"


def _finding(one: "Suspicion") -> Finding:
    return Finding(
        code=one.code,
        severity=one.severity,
        confidence=one.confidence,
        subject=_short(one.subject),
        message=whole(one.message),
    )


def _hidden_findings(rows: Sequence[tuple[int, str]]) -> tuple[Finding, ...]:
    if not rows:
        return ()
    (first, id_), more = rows[0], len(rows) - 1
    others = f" and {more} more" if more else ""
    return (
        Finding(
            code="data/poison/hidden-characters",
            severity=Severity.MEDIUM,
            confidence=0.9,
            subject=id_,
            message=f"Row {first}{others} hold invisible characters or look-alike letters inside words.",
        ),
    )
