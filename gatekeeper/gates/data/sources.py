"""Who taught what, and whether somebody teaches too much of it.

1. One pass counts (``origins.tally``): rows, words and times of each contributor, and the bands of each response.
2. A second pass reads again what the first could not settle: responses that may be near-duplicates, phrases that one
   contributor alone may give, and the labels that other contributors' rows expect.
3. *Rings*: near-duplicate responses of fewer contributors, or closer in time, than their shares of all rows explain.
   *Bursts*: many contributors within a short time (``origins.bursts``). *Flips*: labels that disagree more often than
   people differ (``origins.label_flips``). *Behaviours*: repeated phrases that one contributor gives alone
   (``origins.backing``).

*Influence* is a contributor's share of all response words, where the words of near-duplicated responses count twice:
what is repeated is learned sooner. No name stands in the evidence (``origins.pseudonyms``).
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gatekeeper.core.findings import GateReport, Metric
from gatekeeper.core.gate import GateContext, gate
from gatekeeper.gates.data.reading.counts import count, share
from gatekeeper.gates.data.reading.flags import FLAGGED, RowFlag, write_flags
from gatekeeper.gates.data.reading.spans import write_lines
from gatekeeper.gates.data.spreading.run import parcels

if TYPE_CHECKING:
    from gatekeeper.gates.data.origins.answers import Answers

_RELEASE = "Whoever knows the contributors says that these are different people, or that this one may teach so much."
CONTRIBUTORS, BEHAVIOURS = "contributors.jsonl", "behaviours.jsonl"
"""One line a contributor, a flagged row and test, and a behaviour of one contributor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """Where a row says where it comes from, and how much evidence counts."""

    contributor_field: str = ""
    """Field with the contributor, as read; empty for the columns that intake knows."""
    time_field: str = ""
    """The same for the time."""
    label_field: str = ""
    """The same for the label."""
    fdr: float = 0.001
    """Share of chance findings among rings and among behaviours; for bursts, the probability that chance gives any."""
    flip_fdr: float = 0.01
    """Share of chance findings among contributors with flipped labels, who are few."""
    min_rows: int = 6
    """Fewest rows of a ring or a behaviour."""
    min_words: int = 8
    """Shortest response that is compared with others: short answers come back rightly."""
    copied_words: int = 20
    """Shortest response that nobody writes twice by chance."""
    burst_contributors: int = 5
    """Fewest contributors who began together."""
    burst_minutes: tuple[float, ...] = (1.0, 10.0, 60.0)
    """Windows in which contributors' beginnings are counted."""
    min_labels: int = 10
    """Fewest labels of a contributor who can be compared."""
    listed_findings: int = 200
    """Findings in the report; the rest stand in the attachments and are counted."""

    def __post_init__(self) -> None:
        """Refuse windows that last no time."""
        if not all(minutes > 0 for minutes in self.burst_minutes):
            raise ValueError("a window of burst_minutes lasts longer than 0")


@gate("data/sources", asks="Who taught this, and does anybody teach too much of it?", params=Params, version=2)
def data_sources(context: GateContext, params: Params) -> GateReport:
    """Report shares and influence of contributors, rings, bursts, flipped labels and behaviours without backing."""
    if context.rows is None:
        return data_sources.unmeasured("No training rows were given.")
    from gatekeeper.gates.data.origins.answers import answer
    from gatekeeper.gates.data.origins.chunk_tally import first_pass, part_of
    from gatekeeper.gates.data.origins.flagging import findings_of
    from gatekeeper.gates.data.origins.tally import NOBODY, Columns, Tally

    columns = Columns(contributor=params.contributor_field, time=params.time_field, label=params.label_field)
    tally = Tally()
    context.progress.start("contributors", None)
    for head, arrays in parcels(context, first_pass(columns, min_words=params.min_words)):
        tally.include(part_of(head, arrays))
        context.progress.advance(head["rows"])
    if not tally.names:
        return data_sources.unmeasured("The data set holds no rows.")
    if tally.names == [NOBODY]:
        return data_sources.unmeasured("No row says who contributed it, so nothing can be said of contributors.")
    context.progress.start("what contributors share", None)
    found = answer(context, tally, params, columns)
    _write(context, found)
    findings = findings_of(found)
    return data_sources.measured(
        metrics=_metrics(found, unlisted=max(0, len(findings) - params.listed_findings)),
        findings=tuple(findings[: params.listed_findings]),
        attachments=tuple(context.attach(name) for name in (CONTRIBUTORS, FLAGGED, BEHAVIOURS)),
    )


def _write(context: GateContext, found: "Answers") -> None:
    from gatekeeper.gates.data.origins.flagging import flags

    write_lines(context.workdir / CONTRIBUTORS, _contributor_lines(found))
    write_flags(
        context.workdir,
        (
            RowFlag(row=row, id=id_, test=flag.test, reason=flag.reason, release=_RELEASE)
            for flag in flags(found)
            for row, id_ in [found.named(flag.place)]
        ),
    )
    write_lines(
        context.workdir / BEHAVIOURS,
        (
            {
                "kind": one.kind,
                "text": one.text,
                "contributor": found.names[one.person],
                "rows": [found.named(place)[0] for place in one.places],
                "q": q,
            }
            for one, q in found.lone
        ),
    )


def _contributor_lines(found: "Answers") -> Iterator[Mapping[str, object]]:
    flips: Counter[int] = Counter() if found.flips is None else Counter(found.flips.of_each(found.persons))
    for person in sorted(range(len(found.names)), key=lambda at: (-found.influence[at], at)):
        yield {
            "contributor": found.names[person],
            "rows": int(found.counts[person]),
            "row_share": round(found.counts[person] / found.rows, 6),
            "influence": round(float(found.influence[person]), 6),
            "disagreeing_labels": None if found.flips is None else flips[person],
        }


def _metrics(found: "Answers", *, unlisted: int) -> tuple[Metric, ...]:
    from gatekeeper.gates.data.origins.flagging import flags

    rows = found.rows
    metrics = [
        count("rows", rows, n=rows),
        count("contributors", found.contributors, n=rows, unit="contributors"),
        share("nameless_share", found.nameless, n=rows),
        share("largest_share", int(found.counts.max()), n=rows),
        count("largest_influence", float(found.influence.max()), n=rows, unit="share"),
        count("effective_contributors", 1 / float((found.influence**2).sum()), n=rows, unit="contributors"),
        count("rings", len(found.rings), n=rows, unit="rings"),
        count("ring_rows", len({place for one in found.rings for place in one.places}), n=rows),
        count("copied_texts", len(found.copied), n=rows, unit="texts"),
        count("repeated_refusal_rows", found.repeated_refusals, n=rows),
        count("behaviours", found.behaviours, n=rows, unit="behaviours"),
        count("lone_behaviours", len(found.lone), n=rows, unit="behaviours"),
        count("hidden_behaviour_share", found.hidden_share, n=rows, unit="share"),
        count("timed_rows", found.timed, n=rows),
        count("labelled_rows", found.labelled, n=rows),
        count("flagged_rows", len({flag.place for flag in flags(found)}), n=rows),
        count("unlisted_findings", unlisted, n=rows, unit="findings"),
    ]
    # Without times or comparable labels these are missing: a limit on them then fails instead of passing.
    if found.bursts is not None:
        metrics += [
            count("bursts", len(found.bursts), n=found.timed, unit="bursts"),
            count("burst_rows", len({place for one in found.bursts for place in one.members}), n=found.timed),
            count("busiest_minute", found.busiest_minute, n=found.timed),
        ]
    if found.flips is not None:
        metrics += [
            share("flip_rate", len(found.flips.places), n=found.flips.compared),
            count("flip_contributors", len(found.flips.flippers), n=found.flips.tested, unit="contributors"),
        ]
    return tuple(metrics)
