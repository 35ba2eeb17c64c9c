"""How many reads and writes the service answers, how long they take, and whether its memory grows.

`gatekeeper serve` as a process of its own (``--workers``: several) over a project as `gatekeeper init` makes it, with
SQLite, durable: every write is on the disk before it is answered. The callers are one other process on the same cores.
Three parts, each of so many seconds: reads alone and writes alone, each caller asking again as soon as it is answered;
then both at once, at a steady rate (``--rates``), where a wait for a free caller counts as time of the answer.

Run with ``python -m tests.benchmarks.api_load [--seconds S] [--workers N] [--parts reads,writes,mixed]``.
"""

import argparse
import json
import sys
import tempfile
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

from load_mix import Pool, RanOut, reads, writes
from load_project import make_project
from load_service import Gauge, serving
from load_wire import Wire

TARGETS = {"writes": (150, 250.0), "reads": (500, None)}
"""Requests a second, and the longest p99 in milliseconds."""


class Tally:
    """How long requests took, and which failed."""

    def __init__(self):
        self.took, self.failed, self.first_wrong = [], 0, ""
        self.by_kind = {}
        self._lock = threading.Lock()

    def add(self, kind, took, answer):
        """Count one."""
        with self._lock:
            self.took.append(took)
            self.by_kind.setdefault(kind, []).append(took)
            if answer is None or not 200 <= answer.status < 300:
                self.failed += 1
                self.first_wrong = self.first_wrong or (
                    f"{kind}: {answer.status} {answer.body[:300]!r}" if answer else kind
                )

    def figures(self, seconds):
        """Return rates, and times in milliseconds."""
        kinds = {kind: {"count": len(each), "p50_ms": at(each, 0.5)} for kind, each in sorted(self.by_kind.items())}
        return {
            "per_second": round(len(self.took) / seconds, 1),
            **{f"p{int(100 * share)}_ms": at(self.took, share) for share in (0.5, 0.95, 0.99)},
            "errors": self.failed,
            **({"first_error": self.first_wrong} if self.first_wrong else {}),
            "requests": len(self.took),
            "kinds": kinds,
        }


def at(took, share):
    """Return a quantile in milliseconds."""
    ordered = sorted(took)
    return round(1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))], 1) if ordered else None


class Pace:
    """When the next request is due: at once, or at so many a second for all callers together."""

    def __init__(self, rate, begins):
        self._rate, self._begins, self._given = rate, begins, 0
        self._lock = threading.Lock()

    def due(self):
        """Return the moment; the caller waits for it."""
        if self._rate is None:
            return time.perf_counter()
        with self._lock:
            self._given += 1
            return self._begins + (self._given - 1) / self._rate


def call(address, pool, make, number, *, tally, pace, ends):
    """Ask one thing after the other until the end."""
    wire = Wire(address)
    requests = make(wire, pool, number)
    while (due := pace.due()) < ends:
        time.sleep(max(0.0, due - time.perf_counter()))
        try:
            kind, ask = next(requests)
            begun = min(due, time.perf_counter()) if due else time.perf_counter()
            answer = ask()
        except RanOut:
            tally.add("ran out of updates that wait", 0.0, None)
            break
        except OSError as error:
            tally.add(f"connection: {error}", 0.0, None)
            continue
        tally.add(kind, time.perf_counter() - begun, answer)
    wire.close()


def part(address, pool, asked, seconds, gauge, numbers):
    """Run one part; ``asked`` is (name, how, callers, rate or ``None``) of each kind."""
    begins = time.perf_counter()
    tallies, threads = {name: Tally() for name, *_rest in asked}, []
    for name, make, callers, rate in asked:
        pace = Pace(rate, begins)
        for _ in range(callers):
            more = {"tally": tallies[name], "pace": pace, "ends": begins + seconds}
            threads.append(
                threading.Thread(target=call, args=(address, pool, make, next(numbers)), kwargs=more, daemon=True)
            )
    gauge.begin(seconds)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lasted = time.perf_counter() - begins
    measured = gauge.end(sum(len(each.took) for each in tallies.values()))
    return {**{name: each.figures(lasted) for name, each in tallies.items()}, **measured}


def rows(result):
    """Return one line about each part of the target."""
    lines = []
    for name, found in result.items():
        for kind in ("writes", "reads"):
            if kind in found:
                rate, slowest = TARGETS[kind]
                seen = found[kind]
                fast = seen["per_second"] >= rate and (slowest is None or (seen["p99_ms"] or 0) < slowest)
                lines.append(
                    f"{name:7}{kind:7}{seen['per_second']:8.1f}/s (≥ {rate})  p50 {seen['p50_ms']} ms  "
                    f"p95 {seen['p95_ms']} ms  p99 {seen['p99_ms']} ms{f' (< {slowest:.0f})' if slowest else ''}  "
                    f"errors {seen['errors']}  {'reached' if fast and not seen['errors'] else 'NOT REACHED'}"
                )
        memory = found["memory_mib"]
        lines.append(
            f"{name:7}memory  "
            + "  ".join(f"{moment} s: {size} MiB" for moment, size in memory.items())
            + f"  slope after the first sixth {found['slope_mib_per_minute']} MiB/min"
        )
        lines.append(
            f"{name:7}CPU     service {found['service_cpu_ms']} ms a request, {found['service_cores']} cores; "
            f"callers {found['caller_cpu_ms']} ms, {found['caller_cores']} cores"
        )
    return lines


def main():
    """Measure and print."""
    import itertools

    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--parts", default="reads,writes,mixed")
    parser.add_argument("--callers", default="16,16", help="how many read, how many write")
    parser.add_argument("--rates", default="525,160", help="reads and writes a second where both are asked at once")
    parser.add_argument("--database-url", default="", help="another database than SQLite in the project")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    readers, writers = map(int, chosen.callers.split(","))
    read_rate, write_rate = map(float, chosen.rates.split(","))
    parts = {
        "reads": [("reads", reads, readers, None)],
        "writes": [("writes", writes, writers, None)],
        "mixed": [("reads", reads, readers, read_rate), ("writes", writes, writers, write_rate)],
    }
    named = chosen.parts.split(",")
    lives = (250 if "writes" in named else 0) + (write_rate if "mixed" in named else 0)
    judged = 800 + int(lives * chosen.seconds / 5 * 1.1)
    numbers = itertools.count()
    with tempfile.TemporaryDirectory(prefix="api-load-") as folder:
        project = make_project(Path(folder) / "project", judged=judged, database_url=chosen.database_url)
        pool = Pool(project)
        with serving(project, workers=chosen.workers) as (address, pid):
            gauge = Gauge(pid)
            # The first write loads MLflow, which takes seconds; one for each process, as far as chance spreads them.
            part(address, pool, [("writes", writes, 8 * chosen.workers, None)], 10, gauge, numbers)
            part(address, pool, [("reads", reads, 8, None)], 2, gauge, numbers)
            result = {name: part(address, pool, parts[name], chosen.seconds, gauge, numbers) for name in named}
    if chosen.json:
        print(json.dumps({"seconds": chosen.seconds, "workers": chosen.workers, **result}, indent=2))
    else:
        print("\n".join(rows(result)))


if __name__ == "__main__":
    main()
