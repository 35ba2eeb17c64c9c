"""SIGKILL of a worker at every named point, so many times each: does every run converge, and after how long?

Every case is an installation of its own, so that many can go on at once: most of a case is waiting for the lease of a
dead worker. A second worker is at work from the beginning. Time counts from the death of the first one to the end of
the run. What the ledger held at the death must still begin the ledger at the end, and the whole of it must be that of
a run that nothing befell.

Run with ``python -m tests.benchmarks.worker_crashes --rounds 10 [--postgresql] [--lease 30] [--at-once 8]
[--points in-step,after-verdict] [--out FILE]``; ends with 1 when any run did not come out as it should.
"""

import argparse
import json
import signal
import sys
import tempfile
import time
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "fakes"))

from databases import Server
from durable_world import GATES, durable_world

from audits.ledger.check import verify_entries
from gatekeeper.core.states import State
from gatekeeper.pipeline.steps import Point
from gatekeeper.store import entries, runs, updates

SECONDS = 60.0
"""Within which a run must have ended after the death of its worker."""

IN_A_STEP = {Point.BEFORE_STEP, Point.IN_STEP, Point.SHARD_KEPT, Point.STEP_STORED, Point.STEP_RECORDED}
"""Passed once for every gate: the worker dies at the second one."""

KNOWN = IN_A_STEP | {Point.BEGUN, Point.BEFORE_VERDICT, Point.AFTER_VERDICT, Point.REGISTERED}
"""Points of which it is known which gate is repeated."""

INSIDE = {Point.IN_STEP, Point.SHARD_KEPT}
"""Within a gate, so that it is done again."""

ENTRIES = [
    "update.submitted",
    "run.started",
    *["gate.reported"] * len(GATES),
    "verdict.decided",
    "candidate.logged",
]


@dataclass(frozen=True, kw_only=True)
class Case:
    """What came of one death."""

    point: str
    round: int
    seconds: float
    wrong: tuple[str, ...]
    """One sentence for everything that is not as it must be."""


def leaves_of(world):
    """Return the ledger as it stands."""
    with world.workspace.store.reading() as session:
        return entries.leaves(session, entries.size(session))


def wrong_after(world, update, run_id, *, point, before):
    """Return one sentence for everything that is not as it must be after a run."""
    with world.workspace.store.reading() as session:
        state = updates.require(session, update).state
        verdict = runs.verdict(session, run_id)
        kinds = [entry.type for entry in entries.of_subject(session, update)]
        checked = verify_entries(session)
    wrong = [f"ledger: {fault.text}" for fault in checked.faults]
    if leaves_of(world)[: len(before)] != before:
        wrong.append("the ledger does not begin with what it held at the death")
    if verdict is None or state is not State.PENDING_APPROVAL:
        wrong.append(f"the update is {state}, with {'a' if verdict else 'no'} verdict")
    if kinds != ENTRIES:
        wrong.append(f"the ledger has {kinds}")
    repeated = {gate for gate in GATES if world.computed().count(gate) > 1}
    # A point that this benchmark knows nothing about may lie within a gate: that one, and no other, is repeated.
    allowed = {"artifact/middle"} if point in INSIDE else set()
    if repeated != allowed and (point in KNOWN or len(repeated) > 1):
        wrong.append(f"repeated: {sorted(repeated)}")
    # Of the shards, only the one that was interrupted is computed again.
    shards = [0, 1, 2, *([2] if point is Point.SHARD_KEPT else [])]
    if point is not Point.IN_STEP and world.sharded() != shards:
        wrong.append(f"shards computed: {world.sharded()}")
    return wrong


def once(world, point, lease):
    """Kill one worker at a point beside another; return seconds to the end, and everything that is wrong."""
    limits = {"lease_seconds": lease, "beat_seconds": lease / 6, "poll_seconds": 0.25}
    update, run_id = world.queued()
    inside = point in INSIDE
    if inside:
        (world.root / "hold").touch()
    dying = world.worker(
        die_at=f"{point.value}:{2 if point in IN_A_STEP else 1}",
        after="artifact/middle" if inside else "",
        **limits,
    )
    while world.runtime.status(run_id).attempt == 0 and dying.poll() is None:
        time.sleep(0.05)
    other = world.worker(device="another", **limits)
    ended = dying.wait()
    began = time.monotonic()
    before = leaves_of(world)
    (world.root / "hold").unlink(missing_ok=True)
    while other.poll() is None and not world.runtime.status(run_id).ended:
        time.sleep(0.1)
    seconds = time.monotonic() - began
    other.wait()
    wrong = wrong_after(world, update, run_id, point=point, before=before)
    if ended != -signal.SIGKILL:
        wrong.append(f"the worker never died at {point.value}: it ended with {ended}")
    if seconds > SECONDS:
        wrong.append(f"it took {seconds:.1f} s")
    return seconds, tuple(wrong)


def case(root, server, point, number, lease):
    """Carry out one case in an installation of its own."""
    folder = root / f"{point.value}-{number}"
    folder.mkdir()
    url = None if server is None else server.database()
    with durable_world(folder, database=url, runtime_database=url) as world:
        seconds, wrong = once(world, point, lease)
    return Case(point=point.value, round=number, seconds=round(seconds, 2), wrong=wrong)


def main():
    """Let workers die, print what came of it, and say whether anything came apart."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--lease", type=float, default=30.0)
    parser.add_argument("--postgresql", action="store_true")
    parser.add_argument("--points", default=",".join(point.value for point in Point))
    parser.add_argument("--at-once", type=int, default=4, help="how many cases go on at the same time")
    parser.add_argument("--out", type=Path, help="gets a line of JSON for every case")
    told = parser.parse_args()
    asked = [(Point(name), number) for number in range(told.rounds) for name in told.points.split(",")]
    found = defaultdict(list)
    with tempfile.TemporaryDirectory(prefix="crashes-") as folder, ExitStack() as stack:
        root = Path(folder)
        server = stack.enter_context(Server(root / "pg")) if told.postgresql else None
        pool = stack.enter_context(ThreadPoolExecutor(told.at_once))
        waiting = [pool.submit(case, root, server, point, number, told.lease) for point, number in asked]
        for each in as_completed(waiting):
            ended = each.result()
            found[ended.point].append(ended)
            if told.out is not None:
                line = {"database": "postgresql" if told.postgresql else "sqlite", **asdict(ended)}
                with told.out.open("a", encoding="utf-8") as stream:
                    stream.write(json.dumps(line) + "\n")
    for name in told.points.split(","):
        cases = found[name]
        well = sum(not each.wrong for each in cases)
        print(
            f"{name:15} {well} of {len(cases)} as they should be, slowest {max(each.seconds for each in cases):.1f} s"
        )
        for each in cases:
            for sentence in each.wrong:
                print(f"  round {each.round}: {sentence}")
    return 1 if any(each.wrong for cases in found.values() for each in cases) else 0


if __name__ == "__main__":
    sys.exit(main())
