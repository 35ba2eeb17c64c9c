"""Fifty updates, each two tenths of a point worse than the one before: who stops them, and who is stopped wrongly.

Run: python -m tests.benchmarks.lineages [LINEAGES]   (500 by default)

Each update flips 5 % of 2,000 items against the version before it, every item on its own. The champion test asks
whether it is at most 2 points worse than the version before, the anchor test whether it is at most 3 points worse than
the first version. An update that does not pass is stopped: it goes to review or is blocked, and is not admitted by
itself. Here it is let through all the same, so that the rest of the lineage can be looked at.
"""

import sys
from functools import cache

import numpy as np

from regression import compare_scores, non_inferiority

ITEMS, UPDATES, DISCORDANT, START = 2000, 50, 0.05, 0.7
CHAMPION_MARGIN, ANCHOR_MARGIN, ALPHA = 0.02, 0.03, 0.05
SEED = 1


@cache
def answer(won: int, lost: int, margin: float) -> str:
    """Return what the test says about so many flips; without clusters nothing else matters."""
    rest = ITEMS - won - lost
    candidate = [1.0] * won + [0.0] * lost + [1.0] * rest
    reference = [0.0] * won + [1.0] * lost + [1.0] * rest
    clusters = [str(number) for number in range(ITEMS)]
    return non_inferiority(compare_scores(candidate, reference, clusters, alpha=ALPHA), margin).value


def lineage(rng: np.random.Generator, drift: float) -> tuple[list[str], list[str], float]:
    """Return what both tests say about every update, and the points lost in the end."""
    first = rng.random(ITEMS) < START
    before = first.copy()
    by_champion, by_anchor = [], []
    for update in range(UPDATES):
        # The population's share, not this sample's: with the sample's, items would not flip on their own.
        right = START - update * drift
        lose, win = (DISCORDANT + drift) / 2 / right, (DISCORDANT - drift) / 2 / (1 - right)
        flip = rng.random(ITEMS) < np.where(before, lose, win)
        after = before ^ flip
        by_champion.append(_ask(after, before, CHAMPION_MARGIN))
        by_anchor.append(_ask(after, first, ANCHOR_MARGIN))
        before = after
    return by_champion, by_anchor, float(before.mean() - first.mean())


def _ask(after: np.ndarray, before: np.ndarray, margin: float) -> str:
    return answer(int((after & ~before).sum()), int((before & ~after).sum()), margin)


def _first(answers: list[str], wanted: tuple[str, ...]) -> int:
    return next((number for number, each in enumerate(answers, start=1) if each in wanted), UPDATES + 1)


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 500
    rng = np.random.default_rng(SEED)
    for drift, name in ((0.002, "−0.2 points an update"), (0.0, "no drift")):
        runs = [lineage(rng, drift) for _ in range(count)]
        lost = np.mean([run[2] for run in runs]) * 100
        print(f"{name}: {count} lineages of {UPDATES}, {lost:+.1f} points in the end on average")
        for test, place in (("champion", 0), ("anchor", 1)):
            for words, says in ((("fail", "inconclusive"), "not passed"), (("fail",), "failed")):
                stops = np.array([_first(run[place], words) for run in runs])
                print(
                    f"  {test:8} {says:10}: by the 15th {np.mean(stops <= 15):6.1%}, by the 50th "
                    f"{np.mean(stops <= UPDATES):6.1%}, median {int(np.median(stops))}"
                )


if __name__ == "__main__":
    main()
