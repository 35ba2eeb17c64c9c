"""Whether some rows push a model in nearly one direction, closer together than accepted rows ever stood.

1. Rows are chosen within a budget: those other tests suspect first, then a seeded sample.
2. Each is sketched by the gradient it would give (``gradients``). Sketches are scaled to length one, and the mean over
   all of them, new and accepted alike, is taken off: what every row teaches tells no two rows apart.
3. A row's distance is the mean cosine distance to its nearest neighbours among the chosen rows.
4. Accepted rows of the history are put in its place one by one: their distances to the same rows calibrate. A row's
   p-value is the share of them that stand at least as close: one-sided, since only coordination is asked about. While
   new and accepted rows come from one source it is valid for each row, whatever that source repeats (templates,
   labels); a row's own place among the neighbours of the accepted ones only makes it larger.
5. A row is flagged when it is that close and so are rows around it: one close pair is no group.

Source:
    Conformal p-values: Bates et al. 2023, "Testing for outliers with conformal p-values".
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from gatekeeper.core.rows import TrainingRow
from gatekeeper.gates.data.content.flags import Flag
from gatekeeper.gates.data.content.gradients import Taught, sketch_rows, taught

TEST = "dense-gradient"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Budget, sketch and level."""

    rows: int = 1_000
    """Most rows that are sketched, suspects included; the history costs as many again."""
    tokens: int = 400_000
    """Most tokens that the model reads, half of them for the history."""
    longest: int = 256
    """Tokens that are read of one row."""
    width: int = 2_048
    """Length of a sketch: cosines are off by about 0.02."""
    neighbours: int = 4
    """How many neighbours a distance is the mean over."""
    level: float = 0.01
    """Greatest p-value of a row that counts as close."""
    group: int = 3
    """How many of a row's neighbours must be close as well."""
    least_history: int = 100
    """Fewest history rows that give p-values of a hundredth: with fewer nothing is measured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Density:
    """What was found, and how much was looked at."""

    flags: list[Flag]
    measured: tuple[int, ...]
    """Places of the rows that were sketched; no other row was judged."""
    tokens: int
    """Tokens that the model read."""
    p_values: tuple[float, ...]
    """Of each measured row."""
    unmeasured: str = ""
    """Why nothing could be measured; empty when it was."""


def find_dense(
    rows: Sequence[TrainingRow],
    settings: Settings,
    *,
    model: Any,
    tokenizer: Any,
    history: Sequence[TrainingRow],
    suspects: Collection[int] = (),
    seed: int = 0,
) -> Density:
    """Return the rows whose gradients stand together as no accepted rows do.

    Args:
        rows: the rows of the update.
        settings: as above.
        model: a causal language model in evaluation mode, e.g. the champion.
        tokenizer: its tokenizer.
        history: accepted rows of earlier updates, drawn without regard to these rows.
        suspects: places of rows that are looked at first.
        seed: of the sample and the sketch.

    Raises:
        InputError: the model's output layer cannot be sketched.
    """
    draw = np.random.default_rng(seed)
    chosen = _within(rows, _order(len(rows), suspects, draw), tokenizer, settings)
    known = _within(history, [int(at) for at in draw.permutation(len(history))], tokenizer, settings)
    if len(known) < settings.least_history or len(chosen) <= settings.neighbours + 1:
        return _open(f"{len(known)} accepted rows and {len(chosen)} new ones are too few to tell a group from chance.")
    new = sketch_rows([one for _, one in chosen], model, width=settings.width, seed=seed)
    old = sketch_rows([one for _, one in known], model, width=settings.width, seed=seed)
    kept = np.flatnonzero(~np.isnan(new.values).any(axis=1))
    ours, theirs = _scaled(new.values[kept]), _scaled(old.values[~np.isnan(old.values).any(axis=1)])
    if min(len(ours), len(theirs)) <= settings.neighbours + 1:
        return _open(f"{len(theirs)} accepted rows and {len(ours)} new ones have gradients: too few to compare.")
    # One mean for both keeps new and accepted rows exchangeable, on which the p-values rest.
    shared = np.vstack([ours, theirs]).mean(axis=0)
    ours, theirs = _scaled(ours - shared), _scaled(theirs - shared)
    distances, nearest = _neighbours(ours, ours, settings.neighbours, selves=True)
    usual, _ = _neighbours(theirs, ours, settings.neighbours, selves=False)
    p_values = conformal(distances, usual)
    close = p_values <= settings.level
    grouped = close & (close[nearest].sum(axis=1) >= settings.group)
    places = [chosen[at][0] for at in kept]
    flags = [
        Flag(
            place=place,
            test=TEST,
            reason=(
                f"its gradient lies within {distance:.2f} of {settings.neighbours} others, which only "
                f"{p_value:.1%} of accepted rows do"
            ),
        )
        for place, distance, p_value, flag in zip(places, distances, p_values, grouped, strict=True)
        if flag
    ]
    return Density(
        flags=sorted(flags),
        measured=tuple(sorted(places)),
        tokens=new.tokens + old.tokens,
        p_values=tuple(float(p_values[at]) for at in np.argsort(places)),
    )


def conformal(scores: npt.NDArray[np.float64], usual: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return for each score the share of calibration scores, itself counted, that are no greater: small is unusual.

    Args:
        scores: (n,), small where a row is unusual.
        usual: (m,), scores of exchangeable rows; m is at least 1.

    Returns:
        (n,), multiples of 1 / (m + 1), never 0.
    """
    ordered = np.sort(usual)
    at_most = np.searchsorted(ordered, scores, side="right")
    return np.asarray((1.0 + at_most) / (1.0 + len(ordered)), dtype=np.float64)


def _scaled(sketches: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    lengths: npt.NDArray[np.float32] = np.linalg.norm(sketches, axis=1, keepdims=True)
    return sketches / lengths


def _neighbours(
    queries: npt.NDArray[np.float32], pool: npt.NDArray[np.float32], count: int, *, selves: bool
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.intp]]:
    """Return mean cosine distances to the nearest of a pool, (n,), and which they are, (n, count).

    Args:
        queries: (n, width), each of length one.
        pool: (m, width), the same.
        count: neighbours, fewer than m.
        selves: whether the queries are the pool, so that each leaves itself out.
    """
    cosines = queries @ pool.T
    if selves:
        np.fill_diagonal(cosines, -np.inf)
    nearest = np.argpartition(-cosines, count - 1, axis=1)[:, :count]
    near = np.take_along_axis(cosines, nearest, axis=1).astype(np.float64)
    return 1.0 - near.mean(axis=1), nearest


def _open(reason: str) -> Density:
    return Density(flags=[], measured=(), tokens=0, p_values=(), unmeasured=reason)


def _order(count: int, suspects: Collection[int], draw: np.random.Generator) -> list[int]:
    """Return all places: suspects in file order first, then the others at random."""
    first = sorted({place for place in suspects if 0 <= place < count})
    seen = set(first)
    return first + [int(at) for at in draw.permutation(count) if int(at) not in seen]


def _within(
    rows: Sequence[TrainingRow], order: Sequence[int], tokenizer: Any, settings: Settings
) -> list[tuple[int, Taught]]:
    """Return places and token ids of the first rows that teach something and fit the budget."""
    chosen: list[tuple[int, Taught]] = []
    left = settings.tokens // 2
    for place in order:
        if len(chosen) >= settings.rows:
            break
        one = taught(rows[place], tokenizer, longest=settings.longest)
        if one.given < len(one.ids) <= left:
            left -= len(one.ids)
            chosen.append((place, one))
    return chosen
