"""How many items the sequential test reads before it rejects, as a share of the fixed number.

Run: python -m tests.benchmarks.early_stop [RUNS]   (2,000 by default)

2,000 items, margin 2 points, items in random order; the update changes the mean by so many points, with 5 % of the
items flipping in either direction beside that.
"""

import sys

import numpy as np

from regression.sequential import EProcess

ITEMS, MARGIN, CHURN, SEED = 2000, 0.02, 0.05, 7


def read(rng: np.random.Generator, change: float, cluster: int) -> int | None:
    """Return after how many items an update of this change is rejected; ``None`` when it is not."""
    lost, won = CHURN / 2 + max(0.0, -change), CHURN / 2 + max(0.0, change)
    process = EProcess(margin=MARGIN, largest_cluster=cluster)
    for _ in range(ITEMS // cluster):
        u = rng.random()
        d = -1.0 if u < lost else 1.0 if u < lost + won else 0.0
        state = process.bet([d] * cluster)
        if state.rejected:
            return state.items
    return None


def main() -> None:
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    rng = np.random.default_rng(SEED)
    for change, cluster in ((-0.10, 1), (-0.10, 5), (-0.20, 1), (-0.05, 1), (-0.02, 1), (0.0, 1)):
        stops = [read(rng, change, cluster) for _ in range(runs)]
        found = [each for each in stops if each is not None]
        median = np.median([ITEMS if each is None else each for each in stops])
        print(
            f"{change * 100:+5.0f} points, clusters of {cluster}: rejected {len(found) / runs:6.1%}, items read "
            f"in the median {median:.0f} of {ITEMS} ({median / ITEMS:.0%})"
        )


if __name__ == "__main__":
    main()
