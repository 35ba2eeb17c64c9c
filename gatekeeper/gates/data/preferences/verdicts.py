"""What is wrong with which pairs, and with whose: lengths, refusals, labels."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from gatekeeper.gates.data.origins.label_flips import Flipper, flippers
from gatekeeper.gates.data.preferences.label_issues import difference_rows, label_issues, text_rows
from gatekeeper.gates.data.preferences.pairs import Contrast, Pairs
from gatekeeper.gates.data.reading.counts import wilson

_NORMAL = 1.4826
"""Median absolute deviation times this is the standard deviation of a normal distribution."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lengths:
    """Which answers are longer."""

    longer: npt.NDArray[np.bool_]
    """Of all pairs, whether the chosen answer is the longer one."""
    unequal: npt.NDArray[np.bool_]
    z: npt.NDArray[np.float64]
    """Robust z of the logarithm of the ratio of lengths."""
    ratio: float
    """Median of chosen words over rejected words."""
    off: tuple[tuple[Flipper, bool], ...]
    """Contributors whose chosen answers are longer (true) or shorter more often than others'."""


def lengths_of(pairs: Pairs, *, fdr: float, min_pairs: int) -> Lengths:
    """Return what the lengths show.

    Null for contributors: beta-binomial over all of them, one-sided each way; names rows that name nobody as one.
    """
    chosen, rejected = pairs.lengths
    ratios = np.log((chosen + 1) / (rejected + 1))
    middle = float(np.median(ratios))
    spread = _NORMAL * float(np.median(np.abs(ratios - middle)))
    z = (ratios - middle) / spread if spread > 0 else np.zeros(len(ratios))
    longer, unequal = chosen > rejected, chosen != rejected
    people = pairs.people
    count = int(people.max()) + 1
    of_each = np.bincount(people[unequal], minlength=count)
    wins = np.bincount(people[longer], minlength=count)
    off = [
        (one, above)
        for above, hits in ((True, wins), (False, of_each - wins))
        for one in flippers(hits.tolist(), of_each.tolist(), fdr=fdr / 2, min_labels=min_pairs)[0]
    ]
    return Lengths(longer=longer, unequal=unequal, z=z, ratio=float(np.exp(middle)), off=tuple(off))


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusals:
    """Pairs of which one answer refuses, and the wrong one is chosen."""

    complied: tuple[int, ...]
    """Pairs that choose to go along with a request for harm."""
    refused: tuple[int, ...] | None
    """Pairs that choose to refuse what this data set otherwise answers; ``None`` where pairs are too few to tell."""
    contrasts: int


def refusals_of(pairs: Pairs, *, min_contrasts: int, seed: int) -> Refusals:
    """Return the pairs that choose the wrong side of a refusal.

    The list of words says what asks for harm, and misses much of it: that a request is harmless it cannot say. Where
    pairs are enough, a model of the other pairs' requests says which of them this data set refuses. It adds requests
    for harm that the list does not know, and alone it says which refusals are unlike the others.
    """
    contrasts = pairs.contrasts
    doubted = _doubted(pairs, contrasts, seed) if len(contrasts) >= min_contrasts else None
    complied, refused = [], []
    for at, one in enumerate(contrasts):
        unusual = doubted is not None and bool(doubted[at])
        if not one.chosen_refuses and (one.harmful or unusual):
            complied.append(one.place)
        elif one.chosen_refuses and not one.harmful and unusual:
            refused.append(one.place)
    return Refusals(
        complied=tuple(complied),
        refused=None if doubted is None else tuple(refused),
        contrasts=len(contrasts),
    )


def _doubted(pairs: Pairs, contrasts: Sequence[Contrast], seed: int) -> npt.NDArray[np.bool_] | None:
    labels = np.array([one.chosen_refuses for one in contrasts], dtype=np.intp)
    places = [one.place for one in contrasts]
    found = label_issues(
        text_rows([one.request for one in contrasts]), labels, pairs.prompts[places], intercept=True, seed=seed
    )
    return None if found is None else found.issues


@dataclass(frozen=True, slots=True, kw_only=True)
class Labels:
    """Pairs whose label a model of the other pairs contradicts."""

    modelled: int
    right: int
    """Pairs that the model predicts."""
    issues: tuple[tuple[int, float], ...]
    """Place and label quality of the doubted labels that are bad enough, the worst first."""
    people: tuple[Flipper, ...]
    """Contributors with more doubted labels, bad enough or not, than people differ."""


def labels_of(
    pairs: Pairs,
    skipped: set[int],
    *,
    least_predicted: float,
    quality: float,
    fdr: float,
    min_pairs: int,
    seed: int,
) -> Labels | None:
    """Return whose labels are probably wrong; ``None`` where no model of these pairs can tell.

    Args:
        pairs: all pairs.
        skipped: pairs without anything to prefer.
        least_predicted: share of pairs that the model must surely predict (Wilson) to be asked at all.
        quality: greatest label quality of a label that is named.
        fdr: share of chance findings among the contributors.
        min_pairs: fewest modelled pairs of a contributor who can be compared.
        seed: of the model's solver.
    """
    places = [place for place in pairs.modelled() if place not in skipped]
    if not places:
        return None
    first = [pairs.chosen_first(place) for place in places]
    ordered = [
        pairs.words[place] if one else pairs.words[place][::-1] for place, one in zip(places, first, strict=True)
    ]
    found = label_issues(
        difference_rows(ordered), np.array(first, dtype=np.intp), pairs.prompts[places], intercept=False, seed=seed
    )
    if found is None or wilson(found.right, len(places))[0] < least_predicted:
        return None
    people = pairs.people[places]
    count = int(pairs.people.max()) + 1
    named, _ = flippers(
        np.bincount(people[found.issues], minlength=count).tolist(),
        np.bincount(people, minlength=count).tolist(),
        fdr=fdr,
        min_labels=min_pairs,
    )
    bad = np.flatnonzero(found.issues & (found.quality <= quality)).tolist()
    worst = sorted(bad, key=lambda at: (found.quality[at], at))
    return Labels(
        modelled=len(places),
        right=found.right,
        issues=tuple((places[at], float(found.quality[at])) for at in worst),
        people=tuple(named),
    )
