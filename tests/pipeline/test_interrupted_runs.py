"""A run that was interrupted goes on where it stopped, and only in the world that it began in."""

import dataclasses

import pytest
from people import approve
from quick_world import agreed, proposed, quick_policy, quick_workspace, weights
from registry import FakeRegistry

from gatekeeper.core.errors import InputError, StateError
from gatekeeper.core.gate import Resources
from gatekeeper.core.states import State
from gatekeeper.pipeline import run
from gatekeeper.pipeline.promote import promote
from gatekeeper.pipeline.steps import HandedOver, HereAndNow, Point
from gatekeeper.pipeline.submit import Proposal
from gatekeeper.store import entries, runs, updates

POLICY = quick_policy()


class Dying(HereAndNow):
    """Ends as a killed process does, at one point; afterwards it carries the same run on."""

    def __init__(self, point):
        super().__init__()
        self.point = point

    def reached(self, point, gate=None):
        if point is self.point:
            self.point = None
            raise HandedOver


@pytest.fixture
def world(tmp_path):
    workspace = quick_workspace(tmp_path, FakeRegistry(root=tmp_path / "registry"), policies=(POLICY,))
    yield workspace
    workspace.store.close()


def put_live(world, root, *, first=False):
    update = agreed(world, root, POLICY, first=first)
    promote(world, update, policy=POLICY)
    return update


def interrupted(world, root, point):
    """Propose an update of the champion and let its evaluation die; return its id and what carried it."""
    proposal = Proposal(name="an update", model="quick", artifact=weights(root), data=None, submitter="zelda")
    update = run.propose(world, proposal, POLICY).id
    steps = Dying(point)
    with pytest.raises(HandedOver):
        run.evaluate(world, update, POLICY, Resources(), steps=steps)
    return update, steps


def state_of(world, update):
    with world.store.reading() as session:
        return updates.require(session, update).state


@pytest.mark.parametrize(
    "point",
    [pytest.param(point, id=point.value) for point in Point if point not in {Point.IN_STEP, Point.SHARD_KEPT}],
)
def test_it_goes_on_wherever_it_stopped(world, tmp_path, point):
    put_live(world, tmp_path, first=True)
    update, steps = interrupted(world, tmp_path, point)

    checked = run.evaluate(world, update, POLICY, Resources(), steps=steps)

    assert checked.state is State.PENDING_APPROVAL
    with world.store.reading() as session:
        kinds = [entry.type for entry in entries.of_subject(session, update)]
    assert kinds == ["update.submitted", "run.started", "gate.reported", "verdict.decided", "candidate.logged"]
    approve(world, update, person="dana", policy=POLICY)
    promote(world, update, policy=POLICY)
    assert state_of(world, update) is State.ACTIVE


def test_another_champion_meanwhile_ends_it(world, tmp_path):
    put_live(world, tmp_path, first=True)
    update, steps = interrupted(world, tmp_path, Point.BEFORE_VERDICT)
    put_live(world, tmp_path)

    with pytest.raises(InputError, match="changed while it was interrupted"):
        run.evaluate(world, update, POLICY, Resources(), steps=steps)

    assert state_of(world, update) is State.ERRORED
    assert run.evaluate(world, update, POLICY, Resources()).state is State.PENDING_APPROVAL


def test_another_policy_meanwhile_ends_it(world, tmp_path):
    put_live(world, tmp_path, first=True)
    update, steps = interrupted(world, tmp_path, Point.BEFORE_VERDICT)

    with pytest.raises(InputError):
        run.evaluate(world, update, dataclasses.replace(POLICY, seed=3), Resources(), steps=steps)

    assert state_of(world, update) is State.ERRORED


def test_a_run_that_ended_without_a_verdict_does_not_go_on(world, tmp_path):
    put_live(world, tmp_path, first=True)
    update, steps = interrupted(world, tmp_path, Point.BEFORE_VERDICT)
    with pytest.raises(InputError):
        run.evaluate(world, update, dataclasses.replace(POLICY, seed=3), Resources(), steps=steps)

    with pytest.raises(StateError):
        run.evaluate(world, update, POLICY, Resources(), steps=steps)

    with world.store.reading() as session:
        assert runs.verdict(session, steps.run_id) is None


def test_an_update_that_is_judged_without_steps_is_as_before(world, tmp_path):
    put_live(world, tmp_path, first=True)

    assert proposed(world, tmp_path, POLICY).state is State.PENDING_APPROVAL
