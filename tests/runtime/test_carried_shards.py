"""Parts of a long gate, as the worker that holds the run writes them down."""

import os
from pathlib import Path

import pytest
from durable_world import GATES, SHARDS

from gatekeeper.core.errors import StoreError
from gatekeeper.core.states import State
from gatekeeper.pipeline.steps import HandedOver, Point
from gatekeeper.runtime.carrier import Carrier
from gatekeeper.runtime.limits import Limits
from gatekeeper.store import queue, shards, updates
from gatekeeper.store.tables import QueueState

MIDDLE = "artifact/middle"


def at_once(name, work):
    work()


@pytest.fixture(autouse=True)
def _children_find_the_world(monkeypatch):
    fakes = Path(__file__).resolve().parents[1] / "fakes"
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(fakes), str(fakes.parents[1])]))


@pytest.fixture
def taken(world):
    """Queue a run; give what lets a worker take it."""
    update, run_id = world.queued()

    def take(worker="me", workspace=world.workspace, **more):
        with workspace.store.transaction() as session:
            attempt = queue.take(session, queue.require(session, run_id), worker=worker, device="here")
        return Carrier(workspace, world.opener, Limits(), run_id=run_id, worker=worker, attempt=attempt, **more)

    return update, run_id, take


def lost_after(take, count):
    """Carry until the run is lost, so many parts after its beginning."""
    passed = []

    def watching(at):
        passed.append(at)
        if passed.count(Point.SHARD_KEPT) == count and at is Point.SHARD_KEPT:
            carrier.lose()

    carrier = take(watching=watching)
    with pytest.raises(HandedOver):
        carrier.carry(at_once)


def files(world, run_id):
    folder = world.root / "evidence" / run_id / ".shards"
    return sorted(path for path in folder.rglob("*") if path.is_file())


def kept(world, run_id):
    with world.workspace.store.reading() as session:
        return shards.kept(session, run_id, MIDDLE)


def test_only_what_was_not_kept_is_computed_again(world, taken):
    _, run_id, take = taken
    (world.root / "hold").touch()
    lost_after(take, 2)
    assert (len(kept(world, run_id)), len(files(world, run_id))) == (2, 2)
    (world.root / "hold").unlink()
    (world.root / "sharded").write_text("")

    take("another").carry(at_once)

    assert world.sharded() == [2]
    assert world.runtime.status(run_id).state is QueueState.DONE
    assert (kept(world, run_id), files(world, run_id)) == ({}, []), "its report is there: they are not needed any more"


@pytest.mark.parametrize("damage", ["changed", "gone", "swapped"])
def test_a_part_that_is_not_as_it_was_written_down_is_computed_again(world, taken, damage):
    _, run_id, take = taken
    (world.root / "hold").touch()
    lost_after(take, 2)
    (world.root / "hold").unlink()
    first, second = files(world, run_id)
    match damage:
        case "changed":
            first.write_bytes(b"1")
            second.write_bytes(b"0")
        case "gone":
            first.unlink()
            second.unlink()
        case "swapped":
            one, other = first.read_bytes(), second.read_bytes()
            first.write_bytes(other)
            second.write_bytes(one)
    (world.root / "sharded").write_text("")

    take("another").carry(at_once)

    assert sorted(world.sharded()) == [0, 1, 2]
    assert world.runtime.status(run_id).state is QueueState.DONE


def test_a_run_can_be_cancelled_between_parts(world, taken):
    update, run_id, take = taken
    (world.root / "hold").touch()

    def watching(at):
        if at is Point.SHARD_KEPT:
            carrier.cancel()

    carrier = take(watching=watching)
    carrier.carry(at_once)

    assert world.runtime.status(run_id).state is QueueState.CANCELLED
    with world.workspace.store.reading() as session:
        assert updates.require(session, update).state is State.ERRORED
    assert (kept(world, run_id), files(world, run_id)) == ({}, [])


def test_a_part_that_cannot_be_written_down_costs_time_and_no_result(world, taken, monkeypatch):
    _, run_id, take = taken

    def broken(*_args, **_more):
        raise StoreError("The database does not answer.")

    monkeypatch.setattr(shards, "keep", broken)

    take().carry(at_once)

    assert world.runtime.status(run_id).state is QueueState.DONE
    assert "shard-kept" not in [event.kind for event in world.runtime.events(run_id)]
    assert world.sharded() == list(range(SHARDS))


def test_parts_are_told_to_those_who_watch(world, taken):
    _, run_id, take = taken

    take().carry(at_once)

    said = [event for event in world.runtime.events(run_id) if event.kind == "shard-kept"]
    assert [(event.gate, event.detail) for event in said] == [(MIDDLE, f"part {n}") for n in range(SHARDS)]
    assert world.computed() == list(GATES)
