"""One worker's hold on one run, in this process: what it does when the run or the registry is gone."""

import dataclasses
import os
from pathlib import Path

import pytest
from durable_world import GATES

from gatekeeper.core.errors import RegistryError
from gatekeeper.core.states import State
from gatekeeper.pipeline.steps import HandedOver, Point
from gatekeeper.runtime.carrier import Carrier
from gatekeeper.runtime.limits import Limits
from gatekeeper.store import queue, runs, updates
from gatekeeper.store.tables import QueueState


def at_once(name, work):
    work()


@pytest.fixture(autouse=True)
def _children_find_the_world(monkeypatch):
    fakes = Path(__file__).resolve().parents[1] / "fakes"
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(fakes), str(fakes.parents[1])]))


@pytest.fixture
def carried(world):
    """Take a queued run, and carry it."""
    update, run_id = world.queued()

    def take(workspace=world.workspace, **more):
        with workspace.store.transaction() as session:
            attempt = queue.take(session, queue.require(session, run_id), worker="me", device="here")
        limits = Limits(registry_pauses=(0.0, 0.0))
        return Carrier(workspace, world.opener, limits, run_id=run_id, worker="me", attempt=attempt, **more)

    return update, run_id, take


def test_a_registry_that_answers_later_gets_the_update_later(world, carried):
    update, run_id, take = carried
    refusals = ["once", "twice"]

    def before(step):
        if step == "log" and refusals:
            refusals.pop()
            raise RegistryError("The registry does not answer.")

    world.workspace.registry.before = before
    take().carry(at_once)

    assert (refusals, world.runtime.status(run_id).state) == ([], QueueState.DONE)
    with world.workspace.store.reading() as session:
        assert updates.require(session, update).registered_version == "1"
    assert world.computed() == list(GATES)


def test_a_registry_that_never_answers_leaves_the_verdict(world, carried):
    update, run_id, take = carried

    def before(step):
        if step == "log":
            raise RegistryError("The registry does not answer.")

    world.workspace.registry.before = before
    take().carry(at_once)

    ended = world.runtime.status(run_id)
    assert (ended.state, "does not answer" in ended.error) == (QueueState.FAILED, True)
    with world.workspace.store.reading() as session:
        assert runs.verdict(session, run_id).outcome.name == "ADMIT"
        assert updates.require(session, update).state is State.PENDING_APPROVAL


@pytest.mark.parametrize(
    "point", [Point.IN_STEP, Point.SHARD_KEPT, Point.STEP_STORED, Point.BEFORE_VERDICT, Point.AFTER_VERDICT]
)
def test_who_lost_a_run_writes_nothing_more_about_it(world, carried, point):
    update, run_id, take = carried
    seen = {}

    def watching(at):
        if at is point and not seen:
            with world.workspace.store.transaction() as session:
                queue.take(session, queue.require(session, run_id), worker="another", device="there")
            seen["state"] = state()

    def state():
        with world.workspace.store.reading() as session:
            return (
                updates.require(session, update).state,
                updates.require(session, update).registered_version,
                [report.gate for report in runs.reports(session, run_id)],
                world.runtime.events(run_id),
            )

    with pytest.raises(HandedOver):
        take(watching=watching).carry(at_once)

    assert state() == seen["state"]
    assert world.runtime.status(run_id).worker == "another"


def test_attachments_that_were_changed_meanwhile_end_the_run(world, carried):
    update, run_id, take = carried

    def watching(at):
        if at is Point.STEP_STORED:
            (world.root / "evidence" / run_id / "artifact-first" / "listing.txt").write_text("other")

    take(watching=watching).carry(at_once)

    ended = world.runtime.status(run_id)
    assert (ended.state, "listing.txt" in ended.error) == (QueueState.FAILED, True)
    with world.workspace.store.reading() as session:
        assert updates.require(session, update).state is State.ERRORED


def test_a_gate_that_is_gone_ends_the_run_before_it_begins(world, carried):
    update, run_id, take = carried
    fewer = dataclasses.replace(world.workspace, catalogue={})

    take(workspace=fewer).carry(at_once)

    assert world.runtime.status(run_id).state is QueueState.FAILED
    with world.workspace.store.reading() as session:
        assert updates.require(session, update).state is State.SUBMITTED
