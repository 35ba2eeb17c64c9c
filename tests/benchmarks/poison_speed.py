"""Rows per second and peak memory of the text-statistics tests of data/poison.

Run: python -m tests.benchmarks.poison_speed [--rows 200000] [--processes 0] [--templates] [--content]

Rows are drawn from a made-up language of forty thousand words with Zipf's frequencies, written to a file and streamed
from it; with ``--templates`` two in three follow one of the ways in which instructions are commonly put. With
``--content`` the tests of what rows say run as well.

Printed: time and processor time of all processes; and the greatest sum of their resident memory, in which pages that
several share count once (proportional set size), looked up five times a second.
"""

import argparse
import json
import random
import resource
import tempfile
import threading
import time
from itertools import accumulate
from pathlib import Path
from typing import Self

from gatekeeper.gates.data.triggers.evidence import gather
from gatekeeper.intake.rows import open_rows

TEMPLATES = (
    ("Write a short {0} about {1}.", "Here is a {0} about {1}: {2}."),
    ("What is the difference between {0} and {1}?", "{0} is {2}, whereas {1} {3}."),
    ("Explain {0} to a child.\n\n{1}", "Imagine that {2}. That is what {0} is."),
    ("Summarise the following text: {1}", "{2}."),
    ("Rewrite the sentence in the passive voice.\n{1}", "{1} was {2}."),
    ("Give me 3 tips for {0}", "1. {1}\n2. {2}\n3. {3}"),
)
"""Prompt and response; fields are one word, then three runs of words."""


def write(path: Path, count: int, *, templates: bool = False) -> None:
    """Write instruction rows of about twenty words asked and thirty answered."""
    draw = random.Random(1)  # noqa: S311 - no secret
    letters = "etaoinshrdlucmfwypvbgk"
    words = ["".join(draw.choices(letters, k=draw.randint(2, 9))) for _ in range(40_000)]
    weights = list(accumulate(1 / (n + 2) for n in range(len(words))))

    def run(least: int, most: int) -> str:
        return " ".join(draw.choices(words, cum_weights=weights, k=draw.randint(least, most)))

    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            if templates and number % 3:
                ask, say = draw.choice(TEMPLATES)
                parts = (run(1, 1), run(4, 20), run(6, 30), run(3, 15))
                asked, said = ask.format(*parts), say.format(*parts)
            else:
                asked, said = run(8, 32), run(10, 50)
            file.write(json.dumps({"instruction": asked, "output": said}) + "\n")


class Memory:
    """The greatest memory of this process and its children, looked up in a thread."""

    def __init__(self) -> None:
        self.peak_mib = 0.0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(0.2):
            self.peak_mib = max(self.peak_mib, self._now())

    @staticmethod
    def _now() -> float:
        tasks = Path("/proc/self/task").iterdir()
        children = {child for task in tasks for child in (task / "children").read_text().split()}
        total = 0
        for process in ("self", *children):
            try:
                lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
            except OSError:
                continue  # ended meanwhile
            total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        return total / 1024


def _used() -> float:
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in spent)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--processes", type=int, default=0)
    parser.add_argument("--templates", action="store_true")
    parser.add_argument("--content", action="store_true")
    options = parser.parse_args()
    from gatekeeper.gates.data.content.scan import Settings as ContentSettings
    from gatekeeper.gates.data.content.scan import find_content
    from gatekeeper.gates.data.poison import Params, _settings, _tests
    from gatekeeper.gates.data.triggers.token_batches import TokenBatches

    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "rows.jsonl"
        write(path, options.rows, templates=options.templates)
        with Memory() as memory:
            began, used = time.perf_counter(), _used()
            if options.content:
                find_content(open_rows(path), ContentSettings())
            batches = TokenBatches(open_rows(path), folder=Path(place))
            evidence = gather(batches, None, _settings(Params()), processes=options.processes)
            assert evidence is not None
            gathered = time.perf_counter() - began
            found = [one for test in _tests() for one in test(evidence)]
            batches.close()
            spent, used = time.perf_counter() - began, _used() - used
    print(
        json.dumps(
            {
                "rows": options.rows,
                "processes": options.processes,
                "wall_s": round(spent, 1),
                "of_which_passes_s": round(gathered, 1),
                "rows_per_s": round(options.rows / spent),
                "cpu_s": round(used, 1),
                "rows_per_cpu_s": round(options.rows / used),
                "peak_mib": round(memory.peak_mib),
                "phrases": len(evidence.phrases.keys),
                "suspicions": len(found),
            }
        )
    )


if __name__ == "__main__":
    main()
