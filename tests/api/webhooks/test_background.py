"""What runs beside the service: versions are taken and evaluated, aliases looked at, events sent; and it goes on."""

import threading

import pytest
from people import PEOPLE, person
from quick_world import MODEL, quick_policy, quick_workspace, weights
from registry import FakeRegistry
from service_world import World

from api.runner import InProcessRunner, QueueRunner
from api.webhooks.background import Background, Bell
from gatekeeper.core.errors import RegistryError
from gatekeeper.core.states import State
from gatekeeper.pipeline.taking.intake import Intake
from gatekeeper.store import queue, updates
from gatekeeper.store.tables import QueueState

PATIENCE = 30


@pytest.fixture
def registry(tmp_path):
    return FakeRegistry(root=tmp_path / "registry")


@pytest.fixture
def world(tmp_path, registry):
    policy = quick_policy()
    people = {**PEOPLE, "robot": person("robot", "service")}
    opened = quick_workspace(tmp_path, registry, policies=(policy,), people=people)
    made = World(opened, tmp_path, policy)
    made.live()
    yield made
    opened.store.close()


@pytest.fixture
def beside(world):
    made = Background(
        world.app.state.service, versions=Bell(), aliases=Bell(), intake=Intake(service="robot"), every=3600
    )
    made.look_once()
    return made


def put(registry, tmp_path):
    return registry.put(MODEL, weights(tmp_path), {"gatekeeper.data": "none"})


def newest(world):
    with world.workspace.store.reading() as session:
        return updates.latest(session, model=MODEL)[0]


def test_a_version_is_taken_and_then_evaluated(world, registry, beside, tmp_path):
    put(registry, tmp_path)

    beside.look_once(frozenset({"another"}))
    assert newest(world).state is State.ACTIVE
    beside.look_once(frozenset({MODEL}))
    assert newest(world).state is State.SUBMITTED
    beside.evaluate_once()
    beside.evaluate_once()

    update = newest(world)
    assert (update.state, update.registered_version) == (State.PENDING_APPROVAL, "3")
    runs = world.ada.get(f"/v1/updates/{update.id}/runs").json()["items"]
    assert len(runs) == 1
    told = world.ada.get(f"/v1/updates/{update.id}/events").text
    assert "event: ended" in told
    assert [each["state"] for each in world.ada.get("/v1/intake").json()["items"]].count("PROPOSED") == 1


def test_with_workers_it_is_queued_once_and_nobody_waits(world, registry, beside, tmp_path):
    world.app.state.service.runner = QueueRunner()
    put(registry, tmp_path)
    beside.look_once()

    beside.evaluate_once()
    beside.evaluate_once()

    with world.workspace.store.reading() as session:
        assert [(row.update_id, row.state) for row in queue.going(session)] == [(newest(world).id, QueueState.QUEUED)]


def test_what_cannot_be_evaluated_now_is_evaluated_later(world, registry, beside, tmp_path):
    put(registry, tmp_path)
    beside.look_once()

    def fails(step):
        if step == "read":
            raise RegistryError("It does not answer.")

    registry.before = fails
    beside.evaluate_once()
    assert newest(world).state is State.SUBMITTED
    registry.before = lambda step: None
    beside.evaluate_once()

    assert newest(world).state is State.PENDING_APPROVAL


def test_an_alias_that_was_moved_is_found_at_once(world, registry, beside, tmp_path):
    registry.aliases[MODEL]["champion"] = put(registry, tmp_path)

    beside.watch_once()

    entries = world.ola.get("/v1/ledger/entries", params={"type": "drift.found"}).json()["items"]
    assert len(entries) == 1


def test_aliases_are_not_looked_at_while_this_process_moves_one(world, beside):
    entered = threading.Event()
    looking = threading.Thread(target=lambda: (beside.watch_once(), entered.set()))
    with world.app.state.service.moving():
        looking.start()
        assert not entered.wait(0.2)
    looking.join(PATIENCE)

    assert entered.is_set()


def test_the_threads_take_what_a_bell_rings_for_and_end(world, registry, tmp_path):
    evaluated = threading.Event()

    class Watched(InProcessRunner):
        def wait(self, run_id):
            super().wait(run_id)
            evaluated.set()

    service = world.app.state.service
    service.runner = Watched(most_waiting=1)
    versions, looked = Bell(), threading.Event()
    registry.before = lambda step: looked.set() if step == "list" else None
    beside = Background(service, versions=versions, aliases=Bell(), intake=Intake(service="robot"), every=3600)

    with beside.running():
        assert looked.wait(PATIENCE)  # what is there when it begins is left to people
        while not world.ada.get("/v1/intake").json()["items"]:
            pass
        put(registry, tmp_path)
        versions.ring(MODEL)
        assert evaluated.wait(PATIENCE)

    assert newest(world).state is State.PENDING_APPROVAL


def test_a_thread_goes_on_after_a_fault(world):
    called = []

    def fails():
        called.append(True)
        raise ZeroDivisionError

    Background._trying(fails)

    assert called == [True]


def test_a_bell_says_what_it_was_rung_for_once():
    bell = Bell()
    bell.ring("a")
    bell.ring("b")

    assert bell.wait(0) == {"a", "b"}
    assert bell.wait(0) is None
    bell.ring("a")
    bell.ring()
    assert bell.wait(0) is None


def test_a_bell_that_is_rung_for_too_many_names_means_everything():
    bell = Bell()
    for number in range(2000):
        bell.ring(str(number))

    assert bell.wait(0) is None
