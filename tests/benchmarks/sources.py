# ruff: noqa: S311 - the drawn rows are fixtures, not cryptography
"""Contributors, leaks and preferences: what is planted is found, and what is honest is left alone.

Run: python -m tests.benchmarks.sources [DATA]   (the folder of public data; beside the checkout by default)

2,000 rows a batch of public clean rows (every second one; the others served to write the gates), five seeds for what
is planted and ten for clean batches. No parameter of a gate was chosen on these rows or seeds.
"""

import random
import sys
import time
from pathlib import Path

from gatekeeper.gates.data.leakage import data_leakage
from gatekeeper.gates.data.preference import data_preference
from gatekeeper.gates.data.sources import data_sources
from tests.benchmarks import planted_leaks, planted_preferences, planted_sources
from tests.benchmarks.source_rows import DATA, batch, clean_pairs, rows_of, run

PLANTED, CLEAN = range(100, 105), range(200, 210)
TIMED_ROWS, ROUNDS = 3000, 4


def speed(data: Path) -> None:
    """Print rows per second of processor time of each gate, on rows in memory; the first run only warms up."""
    pairs = clean_pairs(data)
    drafts = batch(random.Random(1), pairs, rows=TIMED_ROWS, repeated=90)
    rows = rows_of(drafts)
    for draft in drafts:
        draft.rejected = " ".join(draft.response.split()[::2])
    for gate, given in ((data_sources, rows), (data_leakage, rows), (data_preference, rows_of(drafts))):
        took = []
        for _ in range(ROUNDS):
            began = time.process_time()
            run(gate, given)
            took.append(time.process_time() - began)
        print(f"{gate.id}: {TIMED_ROWS / min(took[1:]):,.0f} rows/s")


def main() -> None:
    """Print every figure."""
    data = Path(sys.argv[1]) if len(sys.argv) > 1 else DATA
    pairs = clean_pairs(data)
    planted_sources.planted(pairs, PLANTED)
    planted_sources.clean(pairs, CLEAN)
    planted_leaks.planted(data, PLANTED, CLEAN)
    planted_preferences.planted(data, PLANTED, CLEAN)
    speed(data)


if __name__ == "__main__":
    main()
