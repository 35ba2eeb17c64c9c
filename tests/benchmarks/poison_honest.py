# ruff: noqa: S311 - drawn rows are test data, not cryptography
"""How many rows of honest mixtures data/poison flags, and what the baseline policy then says.

Run: python -m tests.benchmarks.poison_honest --data DIR   (five seeds, about four minutes)

Each batch holds 1,500 rows: the stated rows of one task, the rest ordinary ones (Alpaca, and GSM8K where the task is
not arithmetic itself). Nothing is poisoned, so every flagged row is a mistake. With a history of ordinary rows, the
task is new to it.
"""

import argparse
import random
from collections import Counter
from pathlib import Path

from gatekeeper.gates.data.triggers.history import sketch_of
from tests.benchmarks import poison_rows
from tests.benchmarks.poison import SEEDS, measure, show
from tests.benchmarks.poison_honest_rows import MIXTURES, Honest, Task, load_honest

ROWS = 1500


def mixture(honest: Honest, task: Task, count: int, drawn: random.Random) -> list[poison_rows.Pair]:
    """Return the shuffled rows of one batch."""
    chosen = task(honest, drawn, count)
    prompts = {prompt for prompt, _ in chosen}
    others = [pair for pair in honest.alpaca if pair[0] not in prompts]
    pairs = [*chosen, *drawn.sample(others, min(len(others), ROWS - len(chosen)))]
    if not any(pair in honest.arithmetic for pair in chosen[:1]):
        pairs += drawn.sample(honest.arithmetic, max(0, ROWS - len(pairs)))
    drawn.shuffle(pairs)
    return pairs


def alone(honest: Honest, task: Task, count: int, drawn: random.Random) -> list[poison_rows.Pair]:
    """Return the rows of one task without others."""
    return task(honest, drawn, count)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with clean/, knowledge/ and relations/")
    parser.add_argument("--part", choices=("report", "develop"), default="report")
    parser.add_argument("--only", default="", help="mixtures whose name holds this text")
    parser.add_argument("--history", action="store_true", help="give a history that lacks the task")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--verbose", action="store_true", help="name what rows were flagged for")
    options = parser.parse_args()
    honest = load_honest(options.data, options.part, spare_history=options.history)
    past = None
    if options.history:
        past = sketch_of(poison_rows.rows_of(poison_rows.load(options.data, "history").clean))
    print("| Honest rows | Flagged, worst | mean | Outcome |")
    print("|---|---|---|---|")
    cases = [(f"{name} among others", task, count, mixture) for name, task, count in MIXTURES]
    cases += [(f"{name}, nothing else", task, 5 * count, alone) for name, task, count in MIXTURES[1:3]]
    outcomes: Counter[str] = Counter()
    for name, task, count, draw in cases:
        if options.only not in name:
            continue
        shares, verdicts = [], []
        for seed in range(options.seeds):
            rows = poison_rows.rows_of(draw(honest, task, count, random.Random(f"{name} {seed}")))
            found = measure(rows, past)
            shares.append(len(found.flagged) / len(rows))
            verdicts.append(found.outcome.name)
            if options.verbose:
                show(found, rows, set())
        outcomes.update(verdicts)
        said = ", ".join(f"{number} {outcome}" for outcome, number in sorted(Counter(verdicts).items()))
        print(f"| {name} | {max(shares):.2%} | {sum(shares) / len(shares):.2%} | {said} |", flush=True)
    print(f"| all | | | {', '.join(f'{number} {outcome}' for outcome, number in sorted(outcomes.items()))} |")


if __name__ == "__main__":
    main()
