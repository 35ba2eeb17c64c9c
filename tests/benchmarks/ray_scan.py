"""A scan of many rows on a Ray cluster of this machine: rows per second, memory, and whether reports are the same.

Run: python -m tests.benchmarks.ray_scan --folder DIR [--rows 1000000] [--workers 0 1 2 4] [--gates data/leakage ...]

Each worker is a node with one CPU, as processes of this machine; 0 stands for one process without Ray. The rows are
those of ``poison_speed``, with contributors, every 997th with an item of a suite and every 499th with an address; they
and the digests of every report stay in the folder, so that each number of workers can be a command of its own.

Printed for each: seconds by the clock, processor seconds of all processes, rows per second of both; the greatest
memory of the process that asks with its driver, and of all of the cluster (pages that several share count once); and
whether report and attachments are those of one process, byte for byte.
"""

import argparse
import json
import os
import resource
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Self

sys.path.insert(0, str(Path(__file__).parents[1] / "fakes"))

from ray_cluster import RayCluster, _marked, ray_cluster

from gatekeeper.core.digests import digest_of, sha256_bytes
from gatekeeper.core.gate import GateContext, Resources
from gatekeeper.core.row_work import RowExecutor, RowTask
from gatekeeper.core.update import Artifact, Manifest, Update, UpdateKind
from gatekeeper.gates.catalogue import discover
from gatekeeper.gates.data.content.chunk_content import names_task
from gatekeeper.gates.data.spreading.processes import LocalProcesses
from gatekeeper.intake.rows import open_rows, read_training_data
from gatekeeper.runtime.ray.rows import RayRows
from regression import open_suite
from tests.benchmarks.poison_speed import write

GATES = ("data/schema", "data/leakage")
_WARM = 64
_TICKS = os.sysconf("SC_CLK_TCK")


def write_rows(path: Path, count: int) -> None:
    """Write the rows, the same ones every time."""
    leaked = str(open_suite("builtin:instructions").items[0].messages[0][1])
    draft = path.with_suffix(".draft")
    write(draft, count)
    with draft.open(encoding="utf-8") as drawn, path.open("w", encoding="utf-8") as file:
        for number, line in enumerate(drawn):
            row = {"contributor": f"person {number * number % 997 % 61}", **json.loads(line)}
            if number % 997 == 0:
                row["instruction"] = leaked
            if number % 499 == 0:
                row["output"] += f" Write to person{number}@kestrelpost.org."
            file.write(json.dumps(row) + "\n")
    draft.unlink()


class Watched:
    """Memory and processor time of this process and its children, and of a cluster, looked up once a second."""

    def __init__(self, cluster: RayCluster | None) -> None:
        self._cluster = cluster
        self.own_mib = self.cluster_mib = 0.0
        self._seconds: dict[int, float] = {}
        self._before: dict[int, float] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._before = {pid: _spent(pid) for pid in self._processes()}
        self._own = _used()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        self._thread.join()
        self._look()
        self.cpu_s = _used() - self._own
        self.cpu_s += sum(spent - self._before.get(pid, 0.0) for pid, spent in self._seconds.items())

    def _processes(self) -> list[int]:
        return [pid for node in self._cluster.nodes for pid in _marked(node.mark)] if self._cluster else []

    def _watch(self) -> None:
        while not self._ended.wait(1):
            self._look()

    def _look(self) -> None:
        there = self._processes()
        self._seconds.update({pid: spent for pid in there if (spent := _spent(pid))})
        self.cluster_mib = max(self.cluster_mib, sum(map(_pss, there)))
        tasks = Path("/proc/self/task").iterdir()
        mine = {int(child) for task in tasks for child in (task / "children").read_text().split()} - set(there)
        started = {node.process.pid for node in self._cluster.nodes} if self._cluster else set()
        self.own_mib = max(self.own_mib, sum(map(_pss, {os.getpid(), *mine} - started)))


def _used() -> float:
    spent = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in spent)


def _spent(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / _TICKS


def _pss(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def said(gate: str, rows: Path, executor: RowExecutor) -> str:
    """Return the digest of everything that a gate says of the rows."""
    data = read_training_data(rows)
    with tempfile.TemporaryDirectory(dir=rows.parent) as place:
        folder = Path(place)
        nothing = Artifact(path=folder, base=None, kind=UpdateKind.UNKNOWN, manifest=Manifest(entries=()))
        context = GateContext(
            update=Update(id="upd-0", name="scan", model="scan", candidate=nothing, data=data),
            champion=None,
            anchor=None,
            rows=open_rows(rows),
            workdir=folder,
            seed=0,
            resources=Resources({RowExecutor: executor}),
        )
        report = discover()[gate](context)
        left = {one.name: sha256_bytes(one.read_bytes()) for one in sorted(folder.iterdir())}
    return digest_of({"report": report.to_plain(), "left": left})


def measured(workers: int, gates: list[str], rows: Path, count: int) -> dict[str, object]:
    """Scan, and return what it cost."""
    warm = rows.with_name("warm.jsonl")
    with rows.open(encoding="utf-8") as all_rows:
        warm.write_text("".join(islice(all_rows, _WARM)), encoding="utf-8")
    known_file = rows.with_suffix(".digests.json")
    known = json.loads(known_file.read_text()) if known_file.exists() else {}
    seconds: dict[str, float] = {}
    with ExitStack() as stack:
        cluster = stack.enter_context(ray_cluster(nodes=workers)) if workers else None
        executor: RowExecutor = LocalProcesses(1)
        if cluster is not None:
            os.environ.update(
                {name: cluster.environment[name] for name in cluster.environment if name.startswith("RAY_")}
            )
            working = RayRows(cluster.address, workers=workers, wait_seconds=1200)
            stack.callback(working.close)
            executor = working
            # Before the clock starts: processes, and what they import.
            list(working.map(open_rows(warm), _first_touch(_WARM, workers), rows.parent))
        with Watched(cluster) as watched:
            began = time.perf_counter()
            digests = {}
            for gate in gates:
                before = time.perf_counter()
                digests[gate] = said(gate, rows, executor)
                seconds[gate] = round(time.perf_counter() - before, 1)
            spent = time.perf_counter() - began
            if cluster is not None:
                working.close()
    if not workers:
        known.update(digests)
        known_file.write_text(json.dumps(known))
    same = {gate: known.get(gate) == digest for gate, digest in digests.items()} if workers else {}
    return {
        "rows": count,
        "workers": workers,
        "cores": len(os.sched_getaffinity(0)),
        "load_before": os.getloadavg()[0],
        "wall_s": round(spent, 1),
        "of_which": seconds,
        "rows_per_s": round(count / spent),
        "cpu_s": round(watched.cpu_s, 1),
        "rows_per_cpu_s": round(count / watched.cpu_s),
        "asking_peak_mib": round(watched.own_mib),
        "cluster_peak_mib": round(watched.cluster_mib),
        "same_as_one_process": same,
    }


def _first_touch(count: int, workers: int) -> RowTask:
    """Return work that every worker does a little of, and that costs nothing but reading."""
    return replace(names_task([], 1), rows=max(1, count // (2 * workers)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--workers", type=int, nargs="+", default=[0, 1, 2, 4])
    parser.add_argument("--gates", nargs="+", default=list(GATES))
    options = parser.parse_args()
    options.folder.mkdir(exist_ok=True)
    rows = options.folder / f"rows-{options.rows}.jsonl"
    if not rows.exists():
        write_rows(rows, options.rows)
    for workers in options.workers:
        print(json.dumps(measured(workers, options.gates, rows, options.rows)), flush=True)


if __name__ == "__main__":
    main()
