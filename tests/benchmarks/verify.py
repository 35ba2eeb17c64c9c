"""How long a passport's checks take beyond hashing: ``python tests/benchmarks/verify.py``."""

import json
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "fakes"))

from passport_world import NOW, World

ROUNDS = 50


def main() -> None:
    """Print the median and the slowest of many checks of one passport, in milliseconds."""
    world = World()
    world.before = 1000
    text, trust, listed = world.passport(), world.trust(), world.revocations()
    took = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        world.check(text, trust=trust, revocations=listed, now=NOW)
        took.append((time.perf_counter() - began) * 1000)
    figures = {"median_ms": statistics.median(took), "slowest_ms": max(took)}
    print(json.dumps({name: round(value, 2) for name, value in figures.items()} | {"characters": len(text)}))


if __name__ == "__main__":
    main()
