"""Rows to flag and findings to list, in words, from what was answered about contributors."""

from dataclasses import dataclass

from gatekeeper.core.findings import Finding, Severity
from gatekeeper.gates.data.origins.answers import Answers, SharedText
from gatekeeper.gates.data.origins.backing import Lone
from gatekeeper.gates.data.origins.bursts import Burst
from gatekeeper.gates.data.origins.label_flips import Flipper
from gatekeeper.gates.data.reading.counts import wilson

_SHOWN = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """One row and why somebody should look at it."""

    place: int
    test: str
    reason: str


def flags(found: Answers) -> list[Flag]:
    """Return the flagged rows in their order: of rings, of bursts, and flipped labels."""
    made: set[tuple[int, str, str]] = set()
    for ring in found.rings:
        reason = f"{ring.people} contributors give this response in {len(ring.places)} rows"
        made |= {(place, "ring", reason) for place in ring.places}
    for burst in found.bursts or ():
        people = found.people(burst.members)
        reason = (
            f"one of {len(burst.members)} rows of {people} contributors who began within {_lasting(burst.seconds)}"
        )
        made |= {(place, "burst", reason) for place in burst.members}
    if found.flips is not None:
        guilty = {one.person: f"{one.flips} of {one.labels} labels" for one in found.flips.flippers}
        for place in found.flips.places:
            if (share := guilty.get(int(found.persons[place]))) is not None:
                made.add((place, "flip", f"the label disagrees with others', as {share} of this contributor do"))
    return [Flag(place=place, test=test, reason=reason) for place, test, reason in sorted(made)]


def findings_of(found: Answers) -> list[Finding]:
    """Return the findings, worst first."""
    made = [_largest(found)]
    made += [_ring(found, one) for one in found.rings]
    rings = {one.places for one in found.rings}
    made += [_copied(found, one) for one in found.copied if one.places not in rings]
    made += [_burst(found, one) for one in found.bursts or ()]
    if found.flips is not None:
        made += [_flipper(found, one, by_others=found.flips.by_others) for one in found.flips.flippers]
    made += [_lone(found, one, q) for one, q in found.lone]
    return sorted(made, key=lambda finding: -finding.severity)


def _largest(found: Answers) -> Finding:
    person = int(found.influence.argmax())
    return Finding(
        code="data/sources/largest-influence",
        severity=Severity.INFO,
        confidence=1.0,
        subject=found.names[person],
        message=(
            f"Of {found.contributors} contributors this one has the most influence: {found.influence[person]:.1%} of "
            f"what is taught, in {int(found.counts[person])} of {found.rows} rows."
        ),
    )


def _ring(found: Answers, one: SharedText) -> Finding:
    why = "their times lie closer together than those of all rows" if one.close else "so few is no chance"
    return Finding(
        code="data/sources/ring",
        severity=Severity.HIGH,
        confidence=1 - one.q,
        subject=found.named(one.places[0])[1],
        message=(
            f"{len(one.places)} rows of {one.people} contributors give nearly the same response of {one.words} words, "
            f"first in row {found.named(one.places[0])[0]}; {why} (adjusted p = {one.q:.1g})."
        ),
    )


def _copied(found: Answers, one: SharedText) -> Finding:
    return Finding(
        code="data/sources/copied-text",
        severity=Severity.INFO,
        confidence=0.9,
        subject=found.named(one.places[0])[1],
        message=(
            f"{len(one.places)} rows of {one.people} contributors give nearly the same {one.words} words, first in "
            f"row {found.named(one.places[0])[0]}: a template, or one text handed around."
        ),
    )


def _burst(found: Answers, one: Burst) -> Finding:
    first, id_ = found.named(one.members[0])
    return Finding(
        code="data/sources/burst",
        severity=Severity.MEDIUM,
        confidence=1 - one.p,
        subject=id_,
        message=(
            f"{found.people(one.members)} contributors began within {_lasting(one.seconds)} and gave "
            f"{len(one.members)} rows, first row {first}, where the time around it lets {one.expected:.1f} expect in "
            f"a window (p = {one.p:.1g})."
        ),
    )


def _flipper(found: Answers, one: Flipper, *, by_others: bool) -> Finding:
    low, high = wilson(one.flips, one.labels)
    others = "what most others say of the same texts" if by_others else "what the rows of others let expect"
    return Finding(
        code="data/sources/label-flips",
        severity=Severity.HIGH,
        confidence=1 - one.q,
        subject=found.names[one.person],
        message=(
            f"{one.flips} of {one.labels} labels of this contributor ({low:.0%} to {high:.0%}) disagree with "
            f"{others}, more often than people differ (adjusted p = {one.q:.1g})."
        ),
    )


def _lone(found: Answers, one: Lone, q: float) -> Finding:
    what = f'the {one.kind} "{one.text[:_SHOWN]}"' if one.text else f"one {one.kind}"
    return Finding(
        code="data/sources/lone-behaviour",
        severity=Severity.LOW,
        confidence=1 - q,
        subject=found.names[one.person],
        message=(
            f"Only this contributor gives {what}, in {len(one.places)} rows, first in row "
            f"{found.named(one.places[0])[0]}: no second source stands behind it."
        ),
    )


def _lasting(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.0f} min"
