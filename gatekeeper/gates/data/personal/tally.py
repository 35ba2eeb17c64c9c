"""What a search found, counted so that counts of parts add up to the count of the whole."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, field
from typing import Any

from gatekeeper.core.findings import Finding, Metric, Severity
from gatekeeper.gates.data.personal.kinds import CLASSES, PiiClass
from gatekeeper.gates.data.reading.counts import count, share
from gatekeeper.gates.data.reading.spans import Span, masked, span_of

_SEVERITIES = {
    PiiClass.HIGH_RISK: Severity.HIGH,
    PiiClass.CONTACT: Severity.MEDIUM,
    PiiClass.PERSON: Severity.LOW,
}
"""Classes that are findings; details are only counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """All spans of one type in one row."""

    row_id: str
    spans: tuple[Span, ...]
    masked: str
    """The first of them, not readable."""

    @property
    def order(self) -> tuple[int, Span]:
        """Worst first, then by place."""
        return -_SEVERITIES[CLASSES[self.spans[0].type]], self.spans[0]


@dataclass(slots=True, kw_only=True)
class Tally:
    """Counts of some rows. Law: the counts do not depend on how rows were parted."""

    listed: int
    """Groups that are kept, worst first."""
    rows: int = 0
    """All of them, also those that hold nothing."""
    spans: Counter[str] = field(default_factory=Counter)
    """By type."""
    held: Counter[PiiClass] = field(default_factory=Counter)
    """Rows that hold a class."""
    identified: int = 0
    """Rows with a name beside a way to reach or defraud somebody."""
    groups: int = 0
    worst: list[Group] = field(default_factory=list)

    def add(self, row_id: str, texts: dict[str, str], spans: Sequence[Span]) -> None:
        """Count what one row holds; ``texts`` are its fields by name. The row itself is counted by the caller."""
        classes = {CLASSES[span.type] for span in spans}
        for span in spans:
            self.spans[span.type] += 1
        for kind in classes:
            self.held[kind] += 1
        self.identified += PiiClass.PERSON in classes and bool(classes & {PiiClass.HIGH_RISK, PiiClass.CONTACT})
        by_type: dict[str, list[Span]] = {}
        for span in spans:
            if CLASSES[span.type] in _SEVERITIES:
                by_type.setdefault(span.type, []).append(span)
        for found in by_type.values():
            first = found[0]
            shown = masked(texts[first.field][first.start : first.end], shown=2)
            self._keep([Group(row_id=row_id, spans=tuple(found), masked=shown)])
        self.groups += len(by_type)

    def merge(self, other: "Tally") -> None:
        """Add the counts of other rows."""
        self.rows += other.rows
        self.spans.update(other.spans)
        self.held.update(other.held)
        self.identified += other.identified
        self.groups += other.groups
        self._keep(other.worst)

    def as_plain(self) -> dict[str, object]:
        """Return the counts as JSON types, with those groups that can be listed."""
        return {
            "listed": self.listed,
            "rows": self.rows,
            "spans": dict(self.spans),
            "held": {kind.value: rows for kind, rows in self.held.items()},
            "identified": self.identified,
            "groups": self.groups,
            "worst": [[one.row_id, one.masked, *map(astuple, one.spans)] for one in self.findings_order()],
        }

    @classmethod
    def from_plain(cls, read: Mapping[str, Any]) -> "Tally":
        """Return what :meth:`as_plain` wrote."""
        return cls(
            listed=read["listed"],
            rows=read["rows"],
            spans=Counter(read["spans"]),
            held=Counter({PiiClass(kind): rows for kind, rows in read["held"].items()}),
            identified=read["identified"],
            groups=read["groups"],
            worst=[
                Group(row_id=row_id, masked=shown, spans=tuple(span_of(values) for values in spans))
                for row_id, shown, *spans in read["worst"]
            ],
        )

    def _keep(self, groups: Iterable[Group]) -> None:
        self.worst.extend(groups)
        if len(self.worst) > 4 * self.listed + 64:
            self.worst = self.findings_order()

    def findings_order(self) -> list[Group]:
        """Return the groups to list, worst first."""
        return sorted(self.worst, key=lambda group: group.order)[: self.listed]

    def findings(self) -> tuple[Finding, ...]:
        """Return one finding a listed group."""
        return tuple(_finding(group) for group in self.findings_order())

    def metrics(self, *, names: bool, details: bool) -> tuple[Metric, ...]:
        """Return counts and shares over the rows, at least one.

        What was not looked for has no metric: a limit on it then fails instead of passing.
        """
        left_out = {kind for kind, asked in ((PiiClass.PERSON, names), (PiiClass.DETAIL, details)) if not asked}
        classes = [kind for kind in PiiClass if kind not in left_out]
        n = self.rows
        return (
            count("rows", n, n=n),
            count("spans", sum(self.spans.values()), n=n, unit="spans"),
            *(count(f"{kind.value}_rows", self.held[kind], n=n) for kind in classes),
            *(share(f"{kind.value}_rate", self.held[kind], n=n) for kind in classes),
            *((count("identified_rows", self.identified, n=n),) if names else ()),
            *(
                count(f"spans.{type_.lower()}", self.spans[type_], n=n, unit="spans")
                for type_, kind in sorted(CLASSES.items())
                if kind in classes
            ),
            count("unlisted_findings", max(0, self.groups - self.listed), n=n, unit="findings"),
        )


def _finding(group: Group) -> Finding:
    first = group.spans[0]
    kind = CLASSES[first.type]
    places = len(group.spans)
    times = "once" if places == 1 else f"{places} times"
    return Finding(
        code=f"data/pii/{kind.value.replace('_', '-')}",
        severity=_SEVERITIES[kind],
        confidence=max(span.score for span in group.spans),
        subject=group.row_id,
        message=(
            f"Row {first.row} holds {first.type} {times}, first in {first.field} at characters {first.start} to "
            f"{first.end}: {group.masked}."
        ),
    )
