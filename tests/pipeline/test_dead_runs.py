"""An evaluation whose process was killed is ended by the next command, and by nobody while the process lives."""

import subprocess
import sys

import pytest
from people import approve
from pipeline_views import events_of, state_of
from quick_world import agreed, proposed, quick_policy, quick_workspace, weights
from registry import FakeRegistry

from gatekeeper.core.gate import Resources
from gatekeeper.core.states import State
from gatekeeper.pipeline import run
from gatekeeper.pipeline.dead_runs import end_dead_runs
from gatekeeper.pipeline.promote import promote
from gatekeeper.pipeline.steps import HandedOver, HereAndNow, Point
from gatekeeper.pipeline.submit import Proposal

POLICY = quick_policy()
CARRY = """
import sys, time
from pathlib import Path
from types import SimpleNamespace
from gatekeeper.pipeline.dead_runs import alive

with alive(SimpleNamespace(lock_file=Path(sys.argv[1])), sys.argv[2]):
    print("carried", flush=True)
    time.sleep(600)
"""


class Leaving(HereAndNow):
    """Leaves everything as it is before the verdict, as a killed process does."""

    def reached(self, point, gate=None):
        if point is Point.BEFORE_VERDICT:
            raise HandedOver


@pytest.fixture
def world(tmp_path):
    workspace = quick_workspace(tmp_path, FakeRegistry(root=tmp_path / "registry"), policies=(POLICY,))
    promote(workspace, agreed(workspace, tmp_path, POLICY, first=True), policy=POLICY)
    yield workspace
    workspace.store.close()


@pytest.fixture
def carried(world, tmp_path):
    """An update in the middle of its evaluation, and the process that carries it."""
    proposal = Proposal(name="an update", model="quick", artifact=weights(tmp_path), data=None, submitter="zelda")
    update, steps = run.propose(world, proposal, POLICY).id, Leaving()
    with pytest.raises(HandedOver):
        run.evaluate(world, update, POLICY, Resources(), steps=steps)
    process = subprocess.Popen(
        [sys.executable, "-c", CARRY, str(world.lock_file), steps.run_id], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "carried\n"
    yield update, process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_killed_run_ends_and_can_be_repeated(world, carried):
    update, process = carried
    process.kill()
    process.wait()

    assert end_dead_runs(world) == (update,)
    assert state_of(world, update) is State.ERRORED
    assert events_of(world, update)[-1] == "run.errored"
    assert end_dead_runs(world) == ()
    assert run.evaluate(world, update, POLICY, Resources()).state is State.PENDING_APPROVAL
    approve(world, update, person="dana", policy=POLICY)
    promote(world, update, policy=POLICY)
    assert state_of(world, update) is State.ACTIVE


def test_a_run_whose_process_lives_is_left_alone(world, carried):
    update, _process = carried

    assert end_dead_runs(world) == ()
    assert state_of(world, update) is State.EVALUATING


def test_a_run_that_no_file_tells_of_is_left_alone(world, tmp_path):
    proposal = Proposal(name="an update", model="quick", artifact=weights(tmp_path), data=None, submitter="zelda")
    update = run.propose(world, proposal, POLICY).id
    with pytest.raises(HandedOver):
        run.evaluate(world, update, POLICY, Resources(), steps=Leaving())

    assert end_dead_runs(world) == ()
    assert state_of(world, update) is State.EVALUATING


def test_nothing_is_left_of_a_run_that_ended(world, tmp_path):
    proposed(world, tmp_path, POLICY)

    assert list((world.lock_file.parent / "running").iterdir()) == []
