"""How often each test is wrong at the boundary of its null, over simulated evaluations.

Run: python -m tests.benchmarks.type_one [EVALUATIONS]   (20,000 by default; two processes)

Every line is one test in one situation whose true difference is exactly the margin: the share of simulated
evaluations in which the test says what it may say with its nominal probability at most, with the standard error of
that share. "pass" is a pass of the non-inferiority test at the boundary; "reject" is the sequential test's rejection
at any time; "any pass" is a pass of at least one of fifty submissions.
"""

import math
import sys
from collections.abc import Callable
from functools import cache
from multiprocessing import Pool

import numpy as np

from regression import compare_scores, spend
from regression.paired import Answer, non_inferiority
from regression.sequential import _FRACTIONS, REJECT_ALPHA

EVALUATIONS = 20_000
ALPHA = 0.05
SEED = 20_26


def _independent(rng: np.random.Generator, n: int, discordant: float, margin: float) -> tuple[list, list, list]:
    """Draw items whose scores differ with this probability, with mean difference −margin."""
    lost, won = (discordant + margin) / 2, (discordant - margin) / 2
    u = rng.random(n)
    reference = np.where(u < lost, 1.0, np.where(u < lost + won, 0.0, (rng.random(n) < 0.7) * 1.0))
    candidate = np.where(u < lost, 0.0, np.where(u < lost + won, 1.0, reference))
    return candidate.tolist(), reference.tolist(), [str(number) for number in range(n)]


def _clustered(
    rng: np.random.Generator, sizes: np.ndarray, discordant: float, margin: float, together: float
) -> tuple[list, list, list]:
    """Draw clusters whose items flip together with probability ``together``; the mean over items is −margin."""
    lost, won = (discordant + margin) / 2, (discordant - margin) / 2
    cluster = np.repeat(np.arange(len(sizes)), sizes)
    of_cluster = rng.random(len(sizes))[cluster]
    own = rng.random(len(cluster))
    u = np.where(rng.random(len(sizes))[cluster] < together, of_cluster, own)
    reference = np.where(u < lost, 1.0, np.where(u < lost + won, 0.0, (rng.random(len(cluster)) < 0.7) * 1.0))
    candidate = np.where(u < lost, 0.0, np.where(u < lost + won, 1.0, reference))
    return candidate.tolist(), reference.tolist(), [str(number) for number in cluster]


def _continuous(rng: np.random.Generator, n: int, margin: float) -> tuple[list, list, list]:
    """Draw real-valued scores with a skewed difference whose mean is −margin."""
    d = np.clip(0.05 * (rng.exponential(1.0, n) - 1.0), -1, 1)
    shift = -margin - 0.05 * float(np.mean(np.clip(np.random.default_rng(0).exponential(1.0, 10**6) - 1.0, -20, 20)))
    reference = rng.random(n) * 0.5 + 0.25
    return (reference + d + shift).tolist(), reference.tolist(), [str(number) for number in range(n)]


SITUATIONS: dict[str, tuple[float, Callable[[np.random.Generator], tuple[list, list, list]]]] = {
    "2,000 items, 10 % discordant (cluster-t, Tango: the widest)": (
        0.02,
        lambda rng: _independent(rng, 2000, 0.10, 0.02),
    ),
    "300 items, 6 % discordant: few flips (exact and Tango)": (0.05, lambda rng: _independent(rng, 300, 0.06, 0.05)),
    "100 items, 5 % discordant, all lost: only exact bounds hold": (
        0.05,
        lambda rng: _independent(rng, 100, 0.05, 0.05),
    ),
    "100 clusters of 5 that flip together half the time": (
        0.03,
        lambda rng: _clustered(rng, np.full(100, 5), 0.12, 0.03, 0.5),
    ),
    "40 clusters of 1 to 20, flipping together half the time": (
        0.05,
        lambda rng: _clustered(rng, rng.integers(1, 21, 40), 0.2, 0.05, 0.5),
    ),
    "12 clusters of 10, flipping together half the time": (
        0.05,
        lambda rng: _clustered(rng, np.full(12, 10), 0.2, 0.05, 0.5),
    ),
    "200 real-valued scores, skewed differences (cluster-t)": (0.02, lambda rng: _continuous(rng, 200, 0.02)),
    "anchor: 2,000 items, 30 % discordant, margin 3 points": (0.03, lambda rng: _independent(rng, 2000, 0.30, 0.03)),
}


def _passes(job: tuple[str, int, int]) -> int:
    name, seed, count = job
    margin, draw = SITUATIONS[name]
    rng = np.random.default_rng(seed)
    passed = 0
    for _ in range(count):
        candidate, reference, clusters = draw(rng)
        passed += non_inferiority(compare_scores(candidate, reference, clusters, alpha=ALPHA), margin) is Answer.PASS
    return passed


def peeking(rng: np.random.Generator, count: int, *, discordant: float, margin: float, n: int, together: int) -> float:
    """Return the share of runs whose capital ever reaches 1/α, clusters of ``together`` items flipping as one."""
    lost, won = (discordant + margin) / 2, (discordant - margin) / 2
    bets = np.array(_FRACTIONS) / (1 + margin)
    rejected = 0
    for start in range(0, count, 1000):
        size = min(1000, count - start)
        logs = np.zeros((size, len(bets)))
        best = np.zeros(size)
        for _ in range(n // together):
            u = rng.random(size)
            d = np.where(u < lost, -1.0, np.where(u < lost + won, 1.0, 0.0))
            logs += np.log1p(bets * (-margin - d)[:, None])
            best = np.maximum(best, np.logaddexp.reduce(logs, axis=1) - math.log(len(bets)))
        rejected += int((best >= math.log(1 / REJECT_ALPHA)).sum())
    return rejected / count


@cache
def _counts_pass(won: int, lost: int, n: int, k: int, margin: float) -> bool:
    level = spend([str(number) for number in range(k - 1)], "new", alpha=ALPHA, comparisons=1, budget_bits=1e9).alpha
    candidate = [1.0] * won + [0.0] * lost + [1.0] * (n - won - lost)
    reference = [0.0] * won + [1.0] * lost + [1.0] * (n - won - lost)
    paired = compare_scores(candidate, reference, [str(number) for number in range(n)], alpha=level)
    return non_inferiority(paired, margin) is Answer.PASS


def spending(rng: np.random.Generator, count: int, *, n: int, discordant: float, margin: float, of: int = 50) -> float:
    """Return the share of lineages of ``of`` submissions, each at the boundary, in which any passes."""
    lost, won = (discordant + margin) / 2, (discordant - margin) / 2
    drawn = rng.multinomial(n, [won, lost, 1 - won - lost], size=(count, of))
    passed = 0
    for lineage in drawn:
        passed += any(
            _counts_pass(int(b), int(c), n, k, margin)
            for k, (b, c, _) in enumerate(lineage, start=1)
            # Only a mean near or above the boundary can pass: what lies below it needs no bounds.
            if (b - c) / n > -margin
        )
    return passed / count


def _line(name: str, says: str, rate: float, nominal: float, count: int) -> str:
    se = math.sqrt(max(rate, 1 / count) * (1 - rate) / count)
    within = "within" if rate <= nominal + 2 * math.sqrt(nominal * (1 - nominal) / count) else "ABOVE"
    return f"{rate:8.4f} ± {se:.4f}  nominal {nominal:<6g} {within:7} {says:9} {name}"


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else EVALUATIONS
    step = max(1, count // 40)
    with Pool(2) as pool:
        for name in SITUATIONS:
            jobs = [(name, SEED + number, step) for number in range(count // step)]
            rate = sum(pool.imap_unordered(_passes, jobs)) / (step * len(jobs))
            print(_line(name, "pass", rate, ALPHA, step * len(jobs)), flush=True)
    rng = np.random.default_rng(SEED)
    for discordant, together in ((0.05, 1), (0.3, 1), (0.3, 5)):
        rate = peeking(rng, count, discordant=discordant, margin=0.02, n=2000, together=together)
        name = f"e-process, 2,000 items in clusters of {together}, {discordant:.0%} discordant, looked at after each"
        print(_line(name, "reject", rate, REJECT_ALPHA, count), flush=True)
    rate = spending(rng, count, n=500, discordant=0.05, margin=0.02)
    print(_line("fifty submissions of 500 items against one set, α·6/(π²k²)", "any pass", rate, ALPHA, count))


if __name__ == "__main__":
    main()
