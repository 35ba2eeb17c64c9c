"""The second pass, and what both passes together answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from gatekeeper.core.errors import InputError
from gatekeeper.core.gate import GateContext
from gatekeeper.core.row_work import RowTask
from gatekeeper.gates.data.origins.backing import Lone, Phrases, alone_p, few_p, these_p
from gatekeeper.gates.data.origins.bursts import Burst
from gatekeeper.gates.data.origins.chunk_second import second_pass
from gatekeeper.gates.data.origins.clock import Clock
from gatekeeper.gates.data.origins.label_flips import ExpectedLabels, Flipper, adjusted, consensus, flippers
from gatekeeper.gates.data.origins.near_duplicates import candidates, groups
from gatekeeper.gates.data.origins.tally import NONE_NAMED, Columns, Tally
from gatekeeper.gates.data.origins.word_hashes import Hashes
from gatekeeper.gates.data.spreading.parcels import Array
from gatekeeper.gates.data.spreading.run import parcels

_COVERED = 0.5
"""Share of labelled rows that others labelled too, from which these alone are compared."""
_MINUTE = 60.0


class Settings(Protocol):
    """The parameters that are used here, as the gate names them."""

    @property
    def fdr(self) -> float: ...  # noqa: D102 - the gate's Params says what each means
    @property
    def flip_fdr(self) -> float: ...  # noqa: D102
    @property
    def min_rows(self) -> int: ...  # noqa: D102
    @property
    def copied_words(self) -> int: ...  # noqa: D102
    @property
    def burst_contributors(self) -> int: ...  # noqa: D102
    @property
    def burst_minutes(self) -> tuple[float, ...]: ...  # noqa: D102
    @property
    def min_labels(self) -> int: ...  # noqa: D102


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedText:
    """Near-duplicate responses of several contributors."""

    places: tuple[int, ...]
    people: int
    """Distinct contributors."""
    words: int
    """Of its longest response."""
    refusal: bool
    q: float
    """Adjusted probability of so few contributors, or of times so close; 1 for refusals, which come back rightly."""
    close: bool
    """Whether the times say it, and not the number of contributors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Flips:
    """Labels that disagree with what others say or with what others' rows expect."""

    places: tuple[int, ...]
    """Rows whose label disagrees."""
    compared: int
    by_others: bool
    """Whether others labelled the same texts; else a model of others' rows was asked."""
    tested: int
    """Contributors with enough labels."""
    flippers: tuple[Flipper, ...]

    def of_each(self, persons: npt.NDArray[np.intp]) -> list[int]:
        """Return who gave each of the disagreeing labels."""
        given: list[int] = persons[list(self.places)].tolist()
        return given


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Everything the gate reports."""

    rows: int
    names: Sequence[str]
    """Pseudonyms, by number."""
    persons: npt.NDArray[np.intp]
    counts: npt.NDArray[np.intp]
    """Rows of each contributor."""
    influence: npt.NDArray[np.float64]
    """Of each contributor; they add up to 1."""
    rings: Sequence[SharedText]
    """Texts of fewer contributors, or closer in time, than chance explains, surest first."""
    copied: Sequence[SharedText]
    """Texts too long to be written twice by chance, whoever gave them; rings among them."""
    repeated_refusals: int
    """Rows with a refusal that several contributors give alike."""
    lone: Sequence[tuple[Lone, float]]
    """Behaviours of one contributor that chance does not explain, with their adjusted p."""
    behaviours: int
    """Repeated phrases that were looked at."""
    hidden_share: float
    bursts: Sequence[Burst] | None
    """Rows of contributors who began together; ``None`` where the rows carry no times that could show it."""
    busiest_minute: int
    """Most rows of one contributor within a minute."""
    timed: int
    flips: Flips | None
    """``None`` where there are no labels that could be compared."""
    labelled: int
    ids: Mapping[int, tuple[int, str]]
    """Index and id of the rows whose id says more than their place."""

    @property
    def contributors(self) -> int:
        """How many are named."""
        return len(self.names) - (NONE_NAMED in self.names)

    @property
    def nameless(self) -> int:
        """How many rows name nobody."""
        return int(self.counts[self.names.index(NONE_NAMED)]) if NONE_NAMED in self.names else 0

    def people(self, places: Sequence[int]) -> int:
        """Return how many contributors gave these rows."""
        return len(set(self.persons[list(places)].tolist()))

    def named(self, place: int) -> tuple[int, str]:
        """Return index and id of the row at a place."""
        return self.ids.get(place, (place, f"row-{place}"))


def answer(context: GateContext, tally: Tally, settings: Settings, columns: Columns) -> Answers:
    """Read the rows again and answer.

    Args:
        context: gives the same rows as before.
        tally: what the first pass left.
        settings: the gate's parameters.
        columns: where rows say where they come from.

    Raises:
        InputError: they are other rows.
    """
    persons, counts = tally.persons, np.bincount(tally.persons, minlength=len(tally.names))
    shares = counts / counts.sum()
    places, keys = tally.compared()
    doubtful = candidates(keys)
    second = _SecondPass(tally, places[doubtful], settings, columns)
    seen = 0
    for head, arrays in parcels(context, second.task):
        read = second.include(head, arrays)
        seen += read
        context.progress.advance(read)
    if seen != len(persons):
        raise InputError("The rows changed while they were read.", hint="Scan them again, and leave them alone.")
    near = groups(list(compress(places.tolist(), doubtful)), keys[doubtful], second.shingles)
    behaviours = tally.table.repeated(settings.min_rows) + sum(len(one) >= settings.min_rows for one in near)
    repeated = [one for one in near if len(one) >= settings.min_rows]
    lone = second.phrases.lone(shares, min_rows=settings.min_rows)
    lone += [
        Lone(kind="repeated response", text="", person=int(persons[one[0]]), places=one, p=alone_p(shares, len(one)))
        for one in repeated
        if len(set(persons[list(one)])) == 1
    ]
    windows = [minutes * _MINUTE for minutes in settings.burst_minutes]
    clock = Clock(tally.times, persons, windows)
    shared = _shared(near, second, shares, clock)
    return Answers(
        rows=len(persons),
        names=tally.pseudonyms(),
        persons=persons,
        counts=counts,
        influence=_influence(tally, near),
        rings=[one for one in shared if one.q <= settings.fdr],
        copied=[one for one in shared if one.words >= settings.copied_words and not one.refusal],
        repeated_refusals=sum(len(one.places) for one in shared if one.refusal),
        lone=_surest(lone, tests=behaviours, fdr=settings.fdr),
        behaviours=behaviours,
        hidden_share=tally.table.hidden_share,
        bursts=clock.bursts(level=settings.fdr, least=settings.burst_contributors),
        busiest_minute=clock.busiest_minute(),
        timed=int((clock.bouts >= 0).sum()),
        flips=second.flips(),
        labelled=int((tally.labels >= 0).sum()),
        ids=tally.ids,
    )


class _SecondPass:
    """What reading the rows again shows."""

    def __init__(self, tally: Tally, doubtful: npt.NDArray[np.intp], settings: Settings, columns: Columns) -> None:
        self._tally, self._doubtful, self.settings, self._columns = tally, doubtful, settings, columns
        self.phrases = Phrases()
        self.shingles: dict[int, Hashes] = {}
        self.lengths: dict[int, int] = {}
        self.refusals: set[int] = set()
        self.persons, self._labels = tally.persons, tally.labels
        labelled = self._labels >= 0
        comparable = not tally.scale and len(set(self._labels[labelled])) > 1
        self._expected = np.full(len(self._labels), -1, dtype=np.int64)
        self._by_others = False
        self._model: ExpectedLabels | None = None
        if comparable:
            at = np.flatnonzero(labelled)
            said = consensus(tally.texts[at], self._labels[at], self.persons[at])
            self._by_others = sum(one >= 0 for one in said) >= _COVERED * len(at)
            if self._by_others:
                self._expected[at] = said
            else:
                self._model = tally.label_words.finish()

    @property
    def task(self) -> RowTask:
        """The reading as work on chunks."""
        return second_pass(
            self._columns,
            alone=self._tally.table.one_sided(self.settings.min_rows),
            doubtful=self._doubtful,
            rows=len(self.persons),
            model=self._model,
        )

    def include(self, head: Any, arrays: Sequence[Array]) -> int:
        """Add a chunk's result; return how many rows it has."""
        places, lengths, refusals, ends, shingles, expected = arrays
        for place, kind, text in head["phrases"]:
            self.phrases.note(place, int(self.persons[place]), kind, text)
        # Copies: a part of the result would keep the whole of it in memory.
        parts = [part.copy() for part in np.split(shingles, ends[:-1])] if len(places) else []
        self.shingles.update(zip(places.tolist(), parts, strict=True))
        self.lengths.update(zip(places.tolist(), lengths.tolist(), strict=True))
        self.refusals.update(places[refusals].tolist())
        if self._model is not None:
            self._expected[head["first"] : head["first"] + len(expected)] = expected
        return int(head["rows"])

    def flips(self) -> Flips | None:
        """Return whose labels disagree; ``None`` where there was nothing to compare with."""
        expected = self._expected
        compared = expected >= 0
        if not compared.any():
            return None
        wrong = compared & (expected != self._labels)
        people = len(self._tally.names)
        found, tested = flippers(
            np.bincount(self.persons[wrong], minlength=people).tolist(),
            np.bincount(self.persons[compared], minlength=people).tolist(),
            fdr=self.settings.flip_fdr,
            min_labels=self.settings.min_labels,
        )
        if not tested:
            return None
        return Flips(
            places=tuple(np.flatnonzero(wrong).tolist()),
            compared=int(compared.sum()),
            by_others=self._by_others,
            tested=tested,
            flippers=tuple(found),
        )


def _influence(tally: Tally, near: Sequence[Sequence[int]]) -> npt.NDArray[np.float64]:
    words = tally.words.astype(float)
    for group in near:
        words[list(group)] *= 2
    of_each = np.bincount(tally.persons, weights=words, minlength=len(tally.names))
    total = of_each.sum()
    return of_each / total if total else np.full(len(of_each), 1 / len(of_each))


def _shared(
    near: Sequence[tuple[int, ...]], second: _SecondPass, shares: npt.NDArray[np.float64], clock: Clock
) -> list[SharedText]:
    """Return the texts of several contributors, surest first."""
    settings = second.settings
    tested: list[tuple[float, SharedText]] = []
    others: list[SharedText] = []
    for group in near:
        givers = sorted(set(second.persons[list(group)].tolist()))
        people = len(givers)
        long = max(second.lengths[place] for place in group)
        if people < 2 or (len(group) < settings.min_rows and long < settings.copied_words):
            continue
        refusal = 2 * sum(place in second.refusals for place in group) > len(group)
        text = SharedText(places=group, people=people, words=long, refusal=refusal, q=1.0, close=False)
        if refusal or len(group) < settings.min_rows:
            others.append(text)
        else:
            few = min(few_p(shares, len(group), people), these_p(shares, givers, len(group)))
            close = clock.together_p(group)
            tested.append((min(1.0, 3 * min(few, close)), replace(text, close=close < few)))
    q = adjusted(np.array([p for p, _ in tested]))
    rated = [replace(text, q=float(one)) for (_, text), one in zip(tested, q, strict=True)]
    return [*sorted(rated, key=lambda text: (text.q, text.places)), *others]


def _surest(lone: Sequence[Lone], *, tests: int, fdr: float) -> list[tuple[Lone, float]]:
    """Return those that stay at the false discovery rate, where all other behaviours have p = 1."""
    order = sorted(lone, key=lambda one: (one.p, one.places, one.text))
    lowest, kept = 1.0, []
    for rank, one in reversed(list(enumerate(order, start=1))):
        lowest = min(lowest, one.p * tests / rank)
        if lowest <= fdr:
            kept.append((one, lowest))
    return kept[::-1]
