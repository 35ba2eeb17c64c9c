"""Whether training rows hold the questions that the model is measured with.

The items of the suites become an index (``leaks.find``); the rows stream past it once, whatever their number. Three
tests: the item's words one after the other, a run of 13 of its words, and a window that is nearly the same. An answer
alone is no leak. An item of fewer than three words cannot be told from chance and counts as untested; one of fewer
than eight must fill whole fields of a row.

Each item found in a row is a line of ``leaks.jsonl``; findings name suite, item and row and quote neither.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO

from gatekeeper.core.errors import UsageError
from gatekeeper.core.findings import Finding, GateReport, Metric, Severity
from gatekeeper.core.gate import GateContext, gate
from gatekeeper.core.row_work import RowTask
from gatekeeper.gates.data.leaks.chunk_search import leaks_in, row_words, search_task
from gatekeeper.gates.data.leaks.find import Leak, LeakTest, Rules, pair_counts
from gatekeeper.gates.data.leaks.item_forms import SuiteItem, read_forms
from gatekeeper.gates.data.reading.counts import count, share
from gatekeeper.gates.data.reading.flags import FLAGGED, RowFlag, flag_lines
from gatekeeper.gates.data.reading.spans import write_lines
from gatekeeper.gates.data.spreading.run import parcels
from regression import Suite, open_suite

ATTACHMENT = "leaks.jsonl"
"""One line an item and row: ``suite``, ``item``, ``row``, ``id``, ``test`` and ``similarity``."""
_SAMPLE = 1000
"""Rows from which it is learned which word pairs are frequent; it changes the speed and nothing else."""
_NAMES = {LeakTest.EXACT: "exact", LeakTest.GRAM: "gram", LeakTest.NEAR: "near"}
_WORDS = {
    LeakTest.EXACT: "word for word",
    LeakTest.GRAM: "in a long run of its words",
    LeakTest.NEAR: "nearly word for word",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """What is looked for, and what counts as found."""

    suites: tuple[str, ...] = (
        "builtin:knowledge",
        "builtin:instructions",
        "builtin:harmful",
        "builtin:harmless",
        "builtin:prose",
    )
    """Suites by file or ``builtin:NAME``."""
    gram: int = 13
    """Words of a run that shows an item, as in the GPT-3 paper."""
    similarity: float = 0.8
    """Least Jaccard similarity, over pairs of neighbouring words, of a window that is nearly the item."""
    min_words: int = 3
    """Fewest words of an item that can be told from chance at all."""
    anywhere_words: int = 8
    """Fewest words of an item that counts wherever in a row it stands; GPT-3's shortest run."""
    shared_by: int = 3
    """Items of a suite up to which a run still identifies one; what more of them share is boilerplate."""
    listed_findings: int = 200
    """Findings in the report; the rest stand in the attachment and are counted."""

    def __post_init__(self) -> None:
        """Refuse lengths that recognise nothing or everything."""
        if not 2 <= self.min_words <= self.anywhere_words <= self.gram:
            raise ValueError("min_words, anywhere_words and gram must not decrease, and min_words is at least 2")
        if not 0 < self.similarity <= 1:
            raise ValueError("similarity lies above 0 and at most at 1")


@dataclass(slots=True)
class _Found:
    """What the rows so far show of one item."""

    best: Leak
    row: int
    """The first row with the strongest test."""
    row_id: str
    rows: int = 0


@dataclass(slots=True)
class _Tally:
    """Grows with the items, not with the rows."""

    found: dict[int, _Found] = field(default_factory=dict)
    rows: int = 0
    leaking: int = 0

    def add(self, row: int, row_id: str, leaks: Sequence[Leak]) -> None:
        """Count a row that holds items; the rows are counted by the caller."""
        self.leaking += 1
        for leak in leaks:
            known = self.found.setdefault(leak.item, _Found(best=leak, row=row, row_id=row_id))
            known.rows += 1
            if leak.test > known.best.test:
                known.best, known.row, known.row_id = leak, row, row_id


@gate("data/leakage", asks="Does training data hold the questions we measure with?", params=Params)
def data_leakage(context: GateContext, params: Params) -> GateReport:
    """Report the evaluation items that stand in training rows.

    Raises:
        SuiteError: a suite cannot be read.
        UsageError: two suites have one name.
    """
    if context.rows is None:
        return data_leakage.unmeasured("No training rows were given.")
    if not params.suites:
        return data_leakage.unmeasured("The policy names no suite.")
    suites = _open(params.suites)
    items, forms = read_forms(suites, gram=params.gram, min_words=params.min_words, shared_by=params.shared_by)
    context.progress.start("leaked items", None)
    rules = Rules(gram=params.gram, anywhere=params.anywhere_words, similarity=params.similarity)
    frequent = pair_counts(row_words(row) for row in islice(context.rows, _SAMPLE))
    task = search_task(forms, rules, frequent=frequent)
    tally = _Tally()
    with (context.workdir / FLAGGED).open("w", encoding="utf-8", newline="\n") as flagged:
        write_lines(context.workdir / ATTACHMENT, _search(context, task, items, tally, flagged))
    if tally.rows == 0:
        return data_leakage.unmeasured("The data set holds no rows.")
    if not any(item.tested for item in items):
        return data_leakage.unmeasured("No item of the suites is long enough to be recognised in a row.")
    order = sorted(tally.found.items(), key=lambda one: (-one[1].best.test, one[0]))
    return data_leakage.measured(
        metrics=_metrics(suites, items, tally, listed=params.listed_findings),
        findings=tuple(_finding(items[place], found) for place, found in order[: params.listed_findings]),
        attachments=(context.attach(ATTACHMENT), context.attach(FLAGGED)),
    )


def _open(sources: Sequence[str]) -> list[Suite]:
    suites = [open_suite(source if source.startswith("builtin:") else Path(source)) for source in sources]
    twice = [name for name, times in Counter(suite.name for suite in suites).items() if times > 1]
    if twice:
        raise UsageError(
            f"Two of the suites are named {twice[0]}.",
            hint="Name each suite once in the policy's suites for data/leakage.",
        )
    return suites


def _search(
    context: GateContext, task: RowTask, items: Sequence[SuiteItem], tally: _Tally, flagged: IO[str]
) -> Iterator[Mapping[str, object]]:
    for head, _ in parcels(context, task):
        tally.rows += head["rows"]
        context.progress.advance(head["rows"])
        for row, row_id, leaks in leaks_in(head):
            tally.add(row, row_id, leaks)
            flags = [
                RowFlag(
                    row=row,
                    id=row_id,
                    test=_NAMES[leak.test],
                    reason=f"holds the item {items[leak.item].id} of {items[leak.item].suite}",
                    release="Leave the row out, or a named reviewer finds that it is a sentence anybody might write.",
                )
                for leak in leaks
            ]
            flagged.writelines(json.dumps(line) + "\n" for line in flag_lines(flags))
            for leak in leaks:
                item = items[leak.item]
                yield {
                    "suite": item.suite,
                    "item": item.id,
                    "row": row,
                    "id": row_id,
                    "test": _NAMES[leak.test],
                    "similarity": round(leak.similarity, 4),
                }


def _metrics(suites: Sequence[Suite], items: Sequence[SuiteItem], tally: _Tally, *, listed: int) -> tuple[Metric, ...]:
    found = len(tally.found)
    untested = sum(not item.tested for item in items)
    metrics = [
        count("rows", tally.rows, n=tally.rows),
        count("leaking_rows", tally.leaking, n=tally.rows),
        share("leaking_row_share", tally.leaking, n=tally.rows),
        count("leaked_items", found, n=len(items), unit="items"),
        count("untested_items", untested, n=len(items), unit="items"),
        count("unlisted_findings", max(0, found - listed), n=found, unit="findings"),
    ]
    for suite in suites:
        tested = sum(item.tested for item in items if item.suite == suite.name)
        tests = Counter(one.best.test for place, one in tally.found.items() if items[place].suite == suite.name)
        leaked = sum(tests.values())
        metrics += [
            count(f"{suite.name}.leaked_items", leaked, n=len(suite.items), unit="items"),
            count(f"{suite.name}.untested_items", len(suite.items) - tested, n=len(suite.items), unit="items"),
            *(
                count(f"{suite.name}.{name}_items", tests[test], n=len(suite.items), unit="items")
                for test, name in _NAMES.items()
            ),
        ]
        if tested:
            metrics.append(share(f"{suite.name}.leaked_share", leaked, n=tested))
    return tuple(metrics)


def _finding(item: SuiteItem, found: _Found) -> Finding:
    near = found.best.test is LeakTest.NEAR
    others = found.rows - 1
    more = f" and {others} more {'row' if others == 1 else 'rows'}" if others else ""
    return Finding(
        code=f"data/leakage/{_NAMES[found.best.test]}",
        severity=Severity.MEDIUM if near else Severity.HIGH,
        confidence=found.best.similarity if near else 0.99,
        subject=f"{item.suite}:{item.id}",
        message=(
            f"Item {item.id} of the suite {item.suite} stands {_WORDS[found.best.test]} in row {found.row} "
            f"({found.row_id}){more}: what the model answers there may be learned by heart."
        ),
    )
