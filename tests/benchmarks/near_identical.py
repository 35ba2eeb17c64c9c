"""Near-identical responses: groups found, and time, beside a library of MinHash signatures in Rust.

Run: pip install rensa; python -m tests.benchmarks.near_identical [--rows 20000] [--seeds 3]

Responses are drawn from a made-up language with Zipf's frequencies. One in ten belongs to a group of five to thirty
that differ from one sentence in at most one word of eight. Both read the same runs of three words of the same tokens,
and join what agrees in 0.6 of its signature. A pair of rows counts as right when both come from one sentence.

Times start from tokens and end with groups. ``rensa`` is asked row by row and gets its runs as text, with as many
numbers in a signature as the gate keeps (24, eight bands) and with 128 (32 bands). ``rensa signatures``: its bulk
interface on the gate's own hashes of runs, grouped by the gate.
"""

import argparse
import dataclasses
import json
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import accumulate

import numpy as np

from gatekeeper.core.rows import RowShape, TrainingRow
from gatekeeper.gates.data.triggers.near_identical import AGREE, near_identical
from gatekeeper.gates.data.triggers.response_traits import HASHES, Responses, joined_parts, responses_of, signatures_of
from gatekeeper.gates.data.triggers.token_batches import TokenBatch, TokenBatches


def drawn(seed: int, count: int) -> tuple[list[TrainingRow], list[int]]:
    """Return rows, and for each the sentence it comes from, -1 for none."""
    draw = random.Random(seed)  # noqa: S311 - no secret
    words = ["".join(draw.choices("etaoinshrdlucmfwypvbgk", k=draw.randint(2, 9))) for _ in range(40_000)]
    weights = list(accumulate(1 / (n + 2) for n in range(len(words))))
    texts: list[tuple[int, list[str]]] = []
    group = 0
    while len(texts) < count // 10:
        sentence = draw.choices(words, cum_weights=weights, k=draw.randint(10, 40))
        for _ in range(draw.randint(5, 30)):
            varied = list(sentence)
            for _ in range(draw.randint(0, len(sentence) // 8)):
                varied[draw.randrange(len(varied))] = draw.choices(words, cum_weights=weights)[0]
            texts.append((group, varied))
        group += 1
    while len(texts) < count:
        texts.append((-1, draw.choices(words, cum_weights=weights, k=draw.randint(10, 50))))
    draw.shuffle(texts)
    rows = [
        TrainingRow(
            index=at, id=f"row-{at}", shape=RowShape.INSTRUCTION, fields=(), prompt="a", response=" ".join(text)
        )
        for at, (_, text) in enumerate(texts)
    ]
    return rows, [one for one, _ in texts]


def own(batches: Sequence[TokenBatch], facts: Responses) -> list[int]:
    """Return each row's group by the gate's way."""
    signatures = np.concatenate([signatures_of(batch) for batch in batches])
    return near_identical(dataclasses.replace(facts, signatures=signatures), least=2).tolist()


def library(numbers: int, width: int) -> Callable[[Sequence[TokenBatch], Responses], list[int]]:
    """Return the same with ``rensa`` and bands of ``width`` numbers."""
    from rensa import RMinHash, RMinHashLSH  # type: ignore[import-not-found,import-untyped,unused-ignore]

    def groups(batches: Sequence[TokenBatch], _: Responses) -> list[int]:
        index = RMinHashLSH(threshold=AGREE, num_perm=numbers, num_bands=numbers // width)
        home: list[int] = []
        signatures = []

        def root(row: int) -> int:
            while home[row] != row:
                home[row] = home[home[row]]
                row = home[row]
            return row

        for batch in batches:
            for words in batch.responses.words:
                read = words[:60]
                signature = RMinHash(num_perm=numbers, seed=1)
                signature.update([" ".join(read[at : at + 3]) for at in range(len(read) - 2)] or list(read))
                row = len(home)
                home.append(row)
                for other in index.query(signature):
                    if signature.jaccard(signatures[other]) >= AGREE:
                        one, two = root(row), root(other)
                        home[max(one, two)] = min(one, two)
                signatures.append(signature)
                index.insert(row, signature)
        roots = [root(row) for row in range(len(home))]
        sizes = Counter(roots)
        return [one if sizes[one] > 1 else -1 for one in roots]

    return groups


def signed(batches: Sequence[TokenBatch], facts: Responses) -> list[int]:
    """Return the groups by signatures from ``rensa``, made in bulk."""
    from rensa import RMinHash

    parts = []
    for batch in batches:
        runs, starts = batch.responses.runs(3)
        rows = batch.responses.rows[starts]
        read = starts - batch.responses.begins()[rows] < 60
        offsets = np.searchsorted(rows[read], np.arange(batch.size + 1)).astype(np.uint64)
        parts.append(RMinHash.digest_matrix_from_flat_token_hashes(runs[read], offsets, HASHES, 1).to_rows())
    signatures = np.concatenate([np.array(part, dtype=np.uint32) for part in parts])
    return near_identical(dataclasses.replace(facts, signatures=signatures), least=2).tolist()


def quality(found: Sequence[int], truth: Sequence[int]) -> tuple[float, float]:
    """Return precision and recall of pairs of rows."""

    def pairs(labels: Sequence[object]) -> int:
        return sum(size * (size - 1) // 2 for size in Counter(labels).values())

    both = pairs([(one, two) for one, two in zip(found, truth, strict=True) if one >= 0 and two >= 0])
    told, true = pairs([one for one in found if one >= 0]), pairs([two for two in truth if two >= 0])
    return both / max(told, 1), both / max(true, 1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--seeds", type=int, default=3)
    options = parser.parse_args()
    ways = {"gatekeeper": own, "rensa 24": library(24, 3), "rensa 128": library(128, 4), "rensa signatures": signed}
    results: dict[str, list[tuple[float, float, float]]] = {name: [] for name in ways}
    for seed in range(options.seeds):
        rows, truth = drawn(seed, options.rows)
        batches = list(TokenBatches(rows))
        facts = joined_parts([responses_of(batch) for batch in batches])
        for name, way in ways.items():
            began = time.process_time()
            found = way(batches, facts)
            results[name].append((*quality(found, truth), time.process_time() - began))
    for name, runs in results.items():
        precision, recall, spent = np.mean(runs, axis=0).tolist()
        print(
            json.dumps(
                {
                    "way": name,
                    "rows": options.rows,
                    "seeds": options.seeds,
                    "pair_precision": round(precision, 4),
                    "pair_recall": round(recall, 4),
                    "rows_per_cpu_s": round(options.rows / spent),
                }
            )
        )


if __name__ == "__main__":
    main()
