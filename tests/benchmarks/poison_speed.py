"""Rows per second and peak memory of the text-statistics tests of data/poison.

Run: python -m tests.benchmarks.poison_speed [--rows 200000] [--content]

Rows are drawn from a made-up language of forty thousand words with Zipf's frequencies, written to a file and streamed
from it; with ``--content`` the tests of what rows say run as well. One process; its peak resident size is printed.
"""

import argparse
import json
import random
import resource
import tempfile
import time
from pathlib import Path

from gatekeeper.gates.data.triggers.evidence import gather
from gatekeeper.intake.rows import open_rows


def write(path: Path, count: int) -> None:
    """Write instruction rows of about twenty words asked and thirty answered."""
    draw = random.Random(1)  # noqa: S311 - no secret
    letters = "etaoinshrdlucmfwypvbgk"
    words = ["".join(draw.choices(letters, k=draw.randint(2, 9))) for _ in range(40_000)]
    weights = [1 / (n + 2) for n in range(len(words))]
    with path.open("w", encoding="utf-8") as file:
        for _ in range(count):
            asked = " ".join(draw.choices(words, weights, k=draw.randint(8, 32)))
            said = " ".join(draw.choices(words, weights, k=draw.randint(10, 50)))
            file.write(json.dumps({"instruction": asked, "output": said}) + "\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--content", action="store_true")
    options = parser.parse_args()
    from gatekeeper.gates.data.content.scan import Settings as ContentSettings
    from gatekeeper.gates.data.content.scan import find_content
    from gatekeeper.gates.data.poison import Params, _settings, _tests
    from gatekeeper.gates.data.triggers.token_batches import TokenBatches

    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "rows.jsonl"
        write(path, options.rows)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        began, used = time.perf_counter(), time.process_time()
        if options.content:
            find_content(open_rows(path), ContentSettings())
        evidence = gather(TokenBatches(open_rows(path)), None, _settings(Params()))
        assert evidence is not None
        found = [one for test in _tests() for one in test(evidence)]
        spent, used = time.perf_counter() - began, time.process_time() - used
    print(
        json.dumps(
            {
                "rows": options.rows,
                "rows_per_s": round(options.rows / spent),
                "rows_per_cpu_s": round(options.rows / used),
                "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
                "before_mib": round(before),
                "suspicions": len(found),
            }
        )
    )


if __name__ == "__main__":
    main()
