"""A worker is killed at every named point; the next one brings the run to the one verdict it would have had."""

import json
import signal

import pytest
from durable_world import GATES, SHARDS

from gatekeeper.core.states import State
from gatekeeper.pipeline.steps import Point
from gatekeeper.store import entries, runs, updates
from gatekeeper.store.tables import QueueState

ONCE = [
    "update.submitted",
    "run.started",
    "gate.reported",
    "gate.reported",
    "gate.reported",
    "verdict.decided",
    "candidate.logged",
]
POINTS = [pytest.param(point, id=point.value) for point in Point]


def converged(world, update, run_id, *, again=None):
    """Assert that there is one verdict, one entry of everything, and no gate was measured once too often."""
    with world.workspace.store.reading() as session:
        row = updates.require(session, update)
        verdict = runs.verdict(session, run_id)
        reports = runs.reports(session, run_id)
        leaves = [(entry.type, json.loads(entry.leaf)["data"]) for entry in entries.of_subject(session, update)]
    assert row.state is State.PENDING_APPROVAL
    assert (verdict.outcome.name, verdict.errored) == ("ADMIT", False)
    assert sorted(report.gate for report in reports) == sorted(GATES)
    assert [kind for kind, _ in leaves] == ONCE
    assert [data["gate"] for kind, data in leaves if kind == "gate.reported"] == list(GATES)
    assert world.runtime.status(run_id).state is QueueState.DONE
    computed = world.computed()
    assert {gate: computed.count(gate) for gate in GATES} == {gate: 1 + (gate == again) for gate in GATES}


def test_a_run_that_nothing_befalls(world):
    update, run_id = world.queued()

    assert world.worker().wait() == 0

    converged(world, update, run_id)
    assert [event.kind for event in world.runtime.events(run_id)] == [
        "queued",
        "taken",
        "gate-started",
        "gate-kept",
        "gate-started",
        *["shard-kept"] * SHARDS,
        "gate-kept",
        "gate-started",
        "gate-kept",
        "done",
    ]


@pytest.mark.parametrize("point", POINTS)
def test_a_worker_that_is_killed_is_followed_by_another(world, point):
    update, run_id = world.queued()
    in_a_step = point in {Point.BEFORE_STEP, Point.IN_STEP, Point.SHARD_KEPT, Point.STEP_STORED, Point.STEP_RECORDED}
    inside = point in {Point.IN_STEP, Point.SHARD_KEPT}
    if inside:
        (world.root / "hold").touch()
    killed = world.worker(die_at=f"{point.value}:{2 if in_a_step else 1}", after="artifact/middle" if inside else "")

    assert killed.wait() == -signal.SIGKILL
    if inside:
        (world.root / "hold").unlink()
    assert world.runtime.status(run_id).state is QueueState.RUNNING
    assert world.worker().wait() == 0

    converged(world, update, run_id, again="artifact/middle" if inside else None)
    if point is Point.SHARD_KEPT:
        assert world.sharded() == [0, 1, 2, 2], "what was kept is found, what was interrupted is repeated"
    elif point is not Point.IN_STEP:
        assert world.sharded() == [0, 1, 2]
    kinds = [event.kind for event in world.runtime.events(run_id)]
    assert (kinds.count("taken"), kinds.count("taken-over"), kinds.count("done")) == (1, 1, 1)
