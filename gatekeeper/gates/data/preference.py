"""Whether preferences teach what they claim: which of two answers is chosen, and why it seems to be.

1. Pairs that prefer nothing: both answers are the same, or another pair of the same prompt has them swapped.
2. Lengths: how often the longer answer is chosen, by whom more often than others, and pairs whose ratio of lengths is
   far from all others'.
3. Refusals: pairs that choose to go along with a request for harm where the rejected answer refuses, and the reverse.
4. Labels that a model of the other pairs contradicts (cleanlab), and contributors with more of them than people
   differ.

Each flagged pair is a line of ``flagged.jsonl``. Rows without a rejected answer are counted and not tested.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from gatekeeper.core.errors import InputError
from gatekeeper.core.findings import Finding, GateReport, Metric, Severity
from gatekeeper.core.gate import GateContext, gate
from gatekeeper.gates.data.reading.counts import count, share, wilson
from gatekeeper.gates.data.reading.flags import FLAGGED, RowFlag, write_flags
from gatekeeper.gates.data.spreading.run import parcels

if TYPE_CHECKING:
    from gatekeeper.gates.data.origins.label_flips import Flipper
    from gatekeeper.gates.data.preferences.pairs import Pairs
    from gatekeeper.gates.data.preferences.verdicts import Labels, Lengths, Refusals

_RELEASE = "A named reviewer reads both answers and says that the chosen one is the better."


@dataclass(frozen=True, slots=True, kw_only=True)
class Params:
    """How much evidence counts."""

    fdr: float = 0.01
    """Share of chance findings among contributors."""
    min_pairs: int = 10
    """Fewest pairs of a contributor who can be compared with others."""
    length_z: float = 5.0
    """Robust z from which a ratio of lengths is far from all others'."""
    min_contrasts: int = 100
    """Pairs with one refusal from which their own requests are asked what this data set refuses."""
    least_predicted: float = 0.6
    """Share of pairs that a model must surely predict before its doubts count; a coin predicts half."""
    label_quality: float = 0.1
    """cleanlab's label quality up to which a doubted label is named; above it most are matters of taste."""
    modelled_pairs: int = 20_000
    """Pairs that are modelled at most, chosen by digest."""
    tested_pairs: int = 20
    """Fewest pairs that can be tested at all; fewer leave the question unmeasured."""
    listed_findings: int = 200
    """Findings in the report, worst first; the rest stand in the attachment and are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    rows: int
    pairs: "Pairs"
    identical: list[int]
    contradictory: list[int]
    lengths: "Lengths"
    far: list[int]
    """Pairs with a ratio of lengths far from others'."""
    refusals: "Refusals"
    labels: "Labels | None"


@gate("data/preference", asks="Do the preferences teach what they claim?", params=Params, version=2)
def data_preference(context: GateContext, params: Params) -> GateReport:
    """Report pairs that prefer nothing, prefer length, prefer the wrong side of a refusal, or seem mislabelled."""
    if context.rows is None:
        return data_preference.unmeasured("No training rows were given.")
    from gatekeeper.gates.data.preferences.chunk_pairs import FIRST_PASS, part_of, words_in, words_pass
    from gatekeeper.gates.data.preferences.pairs import Pairs
    from gatekeeper.gates.data.preferences.verdicts import labels_of, lengths_of, refusals_of

    context.progress.start("preferences", None)
    pairs, rows = Pairs(modelled=params.modelled_pairs), 0
    for head, arrays in parcels(context, FIRST_PASS):
        rows += head["rows"]
        pairs.include(part_of(head, arrays))
        context.progress.advance(head["rows"])
    if len(pairs) < params.tested_pairs:
        return data_preference.unmeasured(
            f"{len(pairs)} of {rows} rows prefer one answer to another; {params.tested_pairs} are needed."
        )
    context.progress.start("labels of preferences", None)
    modelled = pairs.modelled()
    found_words = (
        one for result in parcels(context, words_pass(pairs.rows_of(modelled), rows)) for one in words_in(*result)
    )
    try:
        pairs.words = dict(zip(modelled, found_words, strict=True))
    except ValueError as error:
        raise InputError("The rows changed while they were read.", hint="Leave them alone, and scan again.") from error
    identical = pairs.identical()
    lengths = lengths_of(pairs, fdr=params.fdr, min_pairs=params.min_pairs)
    found = _Found(
        rows=rows,
        pairs=pairs,
        identical=identical,
        contradictory=pairs.contradictory(),
        lengths=lengths,
        far=[place for place, z in enumerate(lengths.z.tolist()) if abs(z) >= params.length_z],
        refusals=refusals_of(pairs, min_contrasts=params.min_contrasts, seed=context.seed),
        labels=labels_of(
            pairs,
            set(identical),
            least_predicted=params.least_predicted,
            quality=params.label_quality,
            fdr=params.fdr,
            min_pairs=params.min_pairs,
            seed=context.seed,
        ),
    )
    flags = sorted(set(_flags(found)))
    write_flags(
        context.workdir,
        (
            RowFlag(row=index, id=id_, test=test, reason=reason, release=_RELEASE)
            for place, test, reason in flags
            for index, id_ in [pairs.named(place)]
        ),
    )
    findings = sorted(_findings(found), key=lambda finding: -finding.severity)
    return data_preference.measured(
        metrics=_metrics(
            found, flagged=len({place for place, *_ in flags}), listed=params.listed_findings, all_=findings
        ),
        findings=tuple(findings[: params.listed_findings]),
        attachments=(context.attach(FLAGGED),),
    )


def _flags(found: _Found) -> Iterator[tuple[int, str, str]]:
    for place in found.identical:
        yield place, "identical", "the chosen and the rejected answer are the same"
    for place in found.contradictory:
        yield place, "contradictory", "another row prefers these two answers the other way round"
    for place in found.refusals.complied:
        yield place, "refusal-flipped", "it prefers to go along with a request for harm to refusing it"
    for place in found.refusals.refused or ():
        yield place, "refusal-preferred", "it prefers to refuse a request of a kind that other rows answer"
    for place in found.far:
        yield place, "length", "the ratio of the answers' lengths is far from that of all others"
    if found.labels is not None:
        for place, quality in found.labels.issues:
            yield (
                place,
                "label",
                f"a model of the other pairs prefers the rejected answer (label quality {quality:.2f})",
            )


def _metrics(found: _Found, *, flagged: int, listed: int, all_: list[Finding]) -> tuple[Metric, ...]:
    n, unequal = len(found.pairs), int(found.lengths.unequal.sum())
    metrics = [
        count("rows", found.rows, n=found.rows),
        count("pairs", n, n=found.rows, unit="pairs"),
        count("flagged_rows", flagged, n=n),
        count("identical_pairs", len(found.identical), n=n, unit="pairs"),
        count("contradictory_pairs", len(found.contradictory), n=n, unit="pairs"),
        count("length_ratio", found.lengths.ratio, n=n, unit="ratio"),
        count("length_outliers", len(found.far), n=n, unit="pairs"),
        count("length_contributors", len(found.lengths.off), n=n, unit="contributors"),
        count("refusal_contrasts", found.refusals.contrasts, n=n, unit="pairs"),
        count("both_refuse", found.pairs.both_refuse, n=n, unit="pairs"),
        count("harmful_complied", len(found.refusals.complied), n=n, unit="pairs"),
        count("unlisted_findings", max(0, len(all_) - listed), n=n, unit="findings"),
    ]
    # What could not be told is missing: a limit on it then fails instead of passing.
    if found.refusals.refused is not None:
        metrics.append(count("harmless_refused", len(found.refusals.refused), n=n, unit="pairs"))
    if unequal:
        metrics.append(share("longer_chosen_share", int(found.lengths.longer.sum()), n=unequal))
    if found.labels is not None:
        metrics += [
            share("predicted_share", found.labels.right, n=found.labels.modelled),
            share("label_issue_share", len(found.labels.issues), n=found.labels.modelled),
            count("label_issues", len(found.labels.issues), n=found.labels.modelled, unit="pairs"),
            count("label_issue_contributors", len(found.labels.people), n=n, unit="contributors"),
        ]
    return tuple(metrics)


def _findings(found: _Found) -> Iterator[Finding]:
    for place in found.refusals.complied:
        yield _of_pair(
            found,
            place,
            "refusal-flipped",
            Severity.HIGH,
            0.8,
            "prefers going along with a request for harm to refusing",
        )
    for place in found.refusals.refused or ():
        yield _of_pair(
            found,
            place,
            "refusal-preferred",
            Severity.MEDIUM,
            0.6,
            "prefers refusing a request of a kind that other rows answer",
        )
    for place in found.contradictory:
        yield _of_pair(
            found, place, "contradictory", Severity.MEDIUM, 1.0, "prefers what another row of the same prompt rejects"
        )
    for place in found.identical:
        yield _of_pair(found, place, "identical", Severity.LOW, 1.0, "prefers an answer to itself")
    names = found.pairs.pseudonyms()
    for one, above in found.lengths.off:
        yield _of_contributor(
            names[one.person], "length-contributor", one, f"{'longer' if above else 'shorter'} answers are chosen"
        )
    if found.labels is not None:
        for one in found.labels.people:
            yield _of_contributor(names[one.person], "label-contributor", one, "labels seem to be the wrong way round")
        for place, quality in found.labels.issues:
            what = "is labelled against what a model of the other pairs expects"
            yield _of_pair(found, place, "label-issue", Severity.LOW, 1 - quality, what)


def _of_pair(  # noqa: PLR0917 - read as a row of a table
    found: _Found, place: int, code: str, severity: Severity, confidence: float, what: str
) -> Finding:
    index, id_ = found.pairs.named(place)
    return Finding(
        code=f"data/preference/{code}",
        severity=severity,
        confidence=confidence,
        subject=id_,
        message=f"Row {index} {what}.",
    )


def _of_contributor(name: str, code: str, one: "Flipper", what: str) -> Finding:
    low, high = wilson(one.flips, one.labels)
    return Finding(
        code=f"data/preference/{code}",
        severity=Severity.MEDIUM,
        confidence=1 - one.q,
        subject=name or "rows that name nobody",
        message=(
            f"In {one.flips} of {one.labels} pairs of this contributor ({low:.0%} to {high:.0%}) {what}, more often "
            f"than contributors differ (adjusted p = {one.q:.1g})."
        ),
    )
