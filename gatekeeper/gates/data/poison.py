"""Whether some rows teach a hidden trigger: a phrase that has nothing to do with the answer and yet decides it.

1. Every text is decoded first (``reading.decoding``, ``content.unpacking``), so that nothing hides in look-alike
   letters, invisible characters or codes.
2. What a row says: a harmful request that is answered, orders to the model, ciphers, packed text (``content.scan``).
3. What rows have in common: what the tests look at is gathered in three passes (``triggers.evidence``), and each test
   returns what it finds suspicious.
4. Where the policy gives a budget and accepted rows to compare with: rows whose gradients stand closer together than
   accepted ones ever did (``content.dense_rows``), those that other tests suspect first.

A row is flagged when any test flags it.

Plain text has no prompt: its first half is read as one. Each flagged row and test is a line of ``flagged.jsonl``.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gatekeeper.core.findings import Finding, GateReport, Metric, Severity
from gatekeeper.core.gate import GateContext, gate
from gatekeeper.gates.data.reading.counts import count, share
from gatekeeper.gates.data.reading.flags import FLAGGED, LOOK, RowFlag, write_flags
from gatekeeper.gates.data.reading.spans import whole
from gatekeeper.gates.data.spreading.run import given, parcels

if TYPE_CHECKING:
    from gatekeeper.gates.data.content.flags import Flag
    from gatekeeper.gates.data.triggers.evidence import Evidence, Settings, Suspicion
    from gatekeeper.gates.data.triggers.spread_passes import Spread

_SHOWN = 200
"""Most findings of one report; the attachment holds every row."""
_LEAST_GRADIENTS = 100


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
    gradient_rows: int = 0
    """Most rows whose gradients under the champion are compared, at least a hundred; 0 for none. Costs two forward
    passes a row."""
    accepted_rows: str = ""
    """File of accepted rows that gradients are compared with; at least a hundred."""
    processes: int = 0
    """Most processes that count phrases; 0 for one a core, at most four. The report does not depend on it."""

    def __post_init__(self) -> None:
        if 0 < self.gradient_rows < _LEAST_GRADIENTS:
            raise ValueError(f"gradient_rows is 0 or at least {_LEAST_GRADIENTS}: fewer give no p-values to judge by")


@gate("data/poison", asks="Do some rows teach a hidden trigger?", params=Params, version=3)
def data_poison(context: GateContext, params: Params) -> GateReport:
    """Report phrases and responses that nothing but a hidden trigger explains, and the rows that hold them."""
    if context.rows is None:
        return data_poison.unmeasured("No training rows were given.")
    from gatekeeper.gates.data.content.chunk_content import CONTENT
    from gatekeeper.gates.data.content.flags import Flag
    from gatekeeper.gates.data.triggers.evidence import gather
    from gatekeeper.gates.data.triggers.history import Past
    from gatekeeper.gates.data.triggers.summary import counts_of, limits_of
    from gatekeeper.gates.data.triggers.token_batches import TokenBatches

    context.progress.start("poison: what rows say", None)
    total, said = 0, list[Flag]()
    hidden: list[int] = []
    for head, _ in parcels(context, CONTENT, processes=params.processes):
        total += head["rows"]
        hidden += head["hidden"]
        said += [Flag(place=place, test=test, reason=reason) for place, test, reason in head["flags"]]
        context.progress.advance(head["rows"])
    if total < params.tested_rows:
        return data_poison.unmeasured(
            f"{total} rows are too few to tell a trigger from chance; {params.tested_rows} are needed."
        )
    context.progress.start("poison: phrases", None)
    batches = TokenBatches(context.rows, read=context.progress.advance, folder=context.workdir)
    past = Past(context.history) if context.history is not None else None
    complying = sorted(flag.place for flag in said if flag.test == "harmful-answer")
    evidence = gather(
        batches, past, _settings(params), harmful=complying, processes=params.processes, spread=_spread(context)
    )
    if evidence is None:
        return data_poison.unmeasured("The rows could be read once and not again.")
    try:
        found = [one for test in _tests() for one in test(evidence)]
    finally:
        batches.close()
    flagged = {place for one in found for place in one.rows} | {flag.place for flag in said} | set(hidden)
    dense: tuple[Metric, ...] = ()
    if params.gradient_rows:
        from gatekeeper.gates.data.content.dense_rows import compared_by_gradient

        close, dense = compared_by_gradient(context, params.gradient_rows, params.accepted_rows, flagged)
        said += close
        flagged |= {flag.place for flag in close}
    ids = _ids(context, flagged, total, processes=params.processes)
    write_flags(context.workdir, _flags(found, said, hidden, ids))
    shown = sorted(found, key=lambda one: (-one.severity, one.log10_q, -len(one.rows), one.subject))[:_SHOWN]
    return data_poison.measured(
        metrics=(
            count("rows", total, n=total),
            count("flagged_rows", len(flagged), n=total),
            share("flagged_share", len(flagged), n=total),
            count("hidden_character_rows", len(hidden), n=total),
            *(share(name, sum(flag.test == test for flag in said), n=total) for test, name in _CONTENT.items()),
            *dense,
            *counts_of(found, total=total, sure_log10_q=params.sure_log10_q),
            *limits_of(evidence),
        ),
        findings=(
            *map(_finding, shown),
            *_content_findings(said, ids),
            *_hidden_findings([ids[place] for place in hidden]),
        ),
        attachments=(context.attach(FLAGGED),),
    )


_CONTENT: Mapping[str, str] = {
    "harmful-answer": "harmful_answer_share",
    "injection": "injection_share",
    "cipher": "cipher_share",
    "packed-text": "packed_text_share",
}
"""Metric of each content test."""
_SAID = {
    "harmful-answer": "ask for something harmful and are answered",
    "injection": "give orders to the model that reads them",
    "cipher": "hold text whose letters follow no language",
    "packed-text": "hold encoded text that another test finds once it is decoded",
    "dense-gradient": "push the model in one direction, closer together than accepted rows ever stood",
}


def _spread(context: GateContext) -> "Spread | None":
    """Return who works on the passes, where the run says it."""
    from gatekeeper.gates.data.triggers.spread_passes import Spread

    executor = given(context)
    if executor is None or context.rows is None:
        return None
    return Spread(executor=executor, rows=context.rows, folder=context.workdir, read=context.progress.advance)


def _tests() -> "tuple[Callable[[Evidence], list[Suspicion]], ...]":
    """Return the tests, each a function from the evidence to what it finds."""
    from gatekeeper.gates.data.triggers.associations import associated
    from gatekeeper.gates.data.triggers.composite import composed
    from gatekeeper.gates.data.triggers.mutual import mutual
    from gatekeeper.gates.data.triggers.new_answers import new_answers
    from gatekeeper.gates.data.triggers.overrepresented import overrepresented
    from gatekeeper.gates.data.triggers.repeats import repeated
    from gatekeeper.gates.data.triggers.unexplained import unexplained

    return (overrepresented, new_answers, associated, composed, mutual, repeated, unexplained)


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


def _ids(context: GateContext, places: set[int], rows: int, *, processes: int) -> dict[int, tuple[int, str]]:
    """Return index and id of the rows at these positions among so many."""
    from gatekeeper.gates.data.content.chunk_content import names_task

    task = names_task(sorted(places), rows)
    found = parcels(context, task, processes=processes)
    return {place: (index, id_) for named, _ in found for place, index, id_ in named}


def _flags(
    found: "Sequence[Suspicion]", said: "Sequence[Flag]", hidden: Sequence[int], ids: Mapping[int, tuple[int, str]]
) -> Iterator[RowFlag]:
    def flag(place: int, test: str, reason: str, release: str = LOOK) -> RowFlag:
        row, id_ = ids[place]
        return RowFlag(row=row, id=id_, test=test, reason=_short(reason, 300), release=_short(release, 300))

    for one in found:
        for place in one.rows:
            yield flag(place, one.test, one.reason, one.release)
    for each in said:
        yield flag(each.place, each.test, each.reason)
    for place in hidden:
        reason = "letters are hidden or made to look like others"
        yield flag(place, "hidden-characters", reason, "A person reads the row as the model would.")


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


def _content_findings(said: "Sequence[Flag]", ids: Mapping[int, tuple[int, str]]) -> tuple[Finding, ...]:
    """Return one finding a test: how many rows, and the first of them."""
    counts = Counter(flag.test for flag in said)
    first = {flag.test: flag for flag in sorted(said, reverse=True)}
    return tuple(
        Finding(
            code=f"data/poison/{test}",
            severity=Severity.MEDIUM,
            confidence=0.7,
            subject=ids[first[test].place][1],
            message=f"{number} rows {_SAID[test]}, first row {ids[first[test].place][0]}: {first[test].reason}.",
        )
        for test, number in sorted(counts.items())
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
