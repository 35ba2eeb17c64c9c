"""Evaluations that nobody waits for: begun, watched and ended over REST, here and with workers."""

import dataclasses
import threading

import pytest
from fastapi.testclient import TestClient
from pipeline_views import events_of, state_of, with_gate
from service_world import World, as_json
from test_events import heard

from api.app import create_app
from api.runner import QueueRunner
from gatekeeper.core.states import State
from gatekeeper.store import queue, runs
from gatekeeper.store.tables import QueueState


class Held:
    """A gate that waits until it is let go."""

    def __init__(self, workspace):
        self.inside, self.free = threading.Event(), threading.Event()
        measure = workspace.catalogue["artifact/count"].measure

        def wait(context, params):
            self.inside.set()
            assert self.free.wait(30)
            return measure(context, params)

        with_gate(workspace, "artifact/count", wait)


@pytest.fixture
def held(workspace):
    gate = Held(workspace)
    yield gate
    gate.free.set()


@pytest.fixture
def queued(world):
    """The same service, where workers evaluate."""
    app = create_app(world.workspace, world.app.state.service.settings, runner=QueueRunner())
    client = TestClient(app, raise_server_exceptions=False)
    for person in world.people.values():
        person.client = client
    return world


def begin(who, update, *, prefer="respond-async"):
    etag, _seen = who.seen(update)
    headers = {"If-Match": etag, **({"Prefer": prefer} if prefer else {})}
    return who.call("POST", f"/v1/updates/{update}/runs", headers=headers)


def ended(world, location):
    """Look until the evaluation has ended."""
    for _ in range(2000):
        told = world.ola.get(location).json()
        if told["state"] not in {"QUEUED", "RUNNING"}:
            return told
        threading.Event().wait(0.01)
    raise AssertionError("it never ended")


def test_whoever_does_not_wait_is_told_where_to_look(world, held):
    update = world.proposed(first=True)

    begun = begin(world.zelda, update)
    assert held.inside.wait(30)
    running = world.ola.get(begun.headers["Location"]).json()
    held.free.set()
    told = ended(world, begun.headers["Location"])

    assert (begun.status_code, begun.headers["Preference-Applied"]) == (202, "respond-async")
    assert begun.headers["Location"] == f"/v1/updates/{update}/runs/{begun.json()['id']}"
    assert (running["state"], running["outcome"]) == ("RUNNING", None)
    assert (told["state"], told["outcome"]) == ("DONE", "ADMIT")
    assert world.ola.get(f"/v1/updates/{update}").json()["run"] == begun.json()["id"]
    assert heard(world.ola.get(f"/v1/updates/{update}/events"))[-1][2] == {"state": "PENDING_APPROVAL"}


def test_an_evaluation_that_is_ended_leaves_no_verdict_and_can_be_repeated(world, held):
    update = world.proposed(first=True)
    location = begin(world.zelda, update).headers["Location"]
    assert held.inside.wait(30)

    asked = world.zelda.post(f"{location}/cancel")
    again = world.zelda.post(f"{location}/cancel")
    held.free.set()
    told = ended(world, location)

    assert (asked.json()["state"], asked.json()["cancelling"]) == ("RUNNING", True)
    assert again.status_code == 200
    assert (told["state"], told["outcome"], told["cancelling"]) == ("CANCELLED", None, False)
    assert state_of(world.workspace, update) is State.ERRORED
    assert events_of(world.workspace, update)[-1] == "run.errored"
    assert world.zelda.run(update).status_code == 201
    assert world.zelda.post(f"{location}/cancel").json()["state"] == "CANCELLED"


def test_whoever_waits_is_told_that_it_was_cancelled(world, held):
    update = world.proposed(first=True)
    answered = []
    caller = threading.Thread(target=lambda: answered.append(begin(world.zelda, update, prefer=None)))
    caller.start()
    assert held.inside.wait(30)
    (run,) = world.ola.get(f"/v1/updates/{update}/runs").json()["items"]

    world.ada.post(f"/v1/updates/{update}/runs/{run['id']}/cancel")
    held.free.set()
    caller.join()

    assert as_json(answered[0]) == (409, "state")


def test_asked_for_twice_it_is_one_evaluation(world, held):
    update = world.proposed(first=True)
    first = begin(world.zelda, update)
    assert held.inside.wait(30)

    second = begin(world.zelda, update)

    assert as_json(second) == (409, "state")
    held.free.set()
    ended(world, first.headers["Location"])
    with world.workspace.store.reading() as session:
        assert runs.latest(session, update).id == first.json()["id"]


@pytest.mark.parametrize("run_id", ["run-0123456789abcdef", "upd-0", "..%2f..", "%00"])
def test_a_run_that_is_not_there_or_another_updates_is_not_found(world, run_id):
    update, other = world.judged(first=True), world.proposed(first=True)
    (theirs,) = world.ola.get(f"/v1/updates/{update}/runs").json()["items"]

    for path in (f"/v1/updates/{other}/runs/{run_id}", f"/v1/updates/{other}/runs/{theirs['id']}"):
        assert as_json(world.ola.get(path)) == (404, "not-found")
        assert as_json(world.zelda.post(f"{path}/cancel")) == (404, "not-found")


def test_where_workers_evaluate_nobody_waits(queued):
    update = queued.proposed(first=True)

    begun = begin(queued.zelda, update, prefer=None)
    again = begin(queued.zelda, update, prefer=None)

    assert (begun.status_code, begun.json()["state"], begun.json()["attempt"]) == (202, "QUEUED", 0)
    assert again.json()["id"] == begun.json()["id"]
    told = queued.ola.get(begun.headers["Location"]).json()
    assert told["state"] == "QUEUED"


def test_a_queued_evaluation_can_be_ended_and_tells_so(queued):
    update = queued.proposed(first=True)
    location = begin(queued.zelda, update, prefer=None).headers["Location"]

    assert queued.zelda.post(f"{location}/cancel").json()["state"] == "CANCELLED"

    told = heard(queued.ola.get(f"/v1/updates/{update}/events"))
    assert [name for _number, name, _data in told] == ["queued", "cancel-asked", "cancelled", "ended"]
    assert [number for number, _name, _data in told] == [1, 2, 3, 4]
    resumed = queued.ola.call("GET", f"/v1/updates/{update}/events", headers={"Last-Event-ID": "2"})
    assert [name for _number, name, _data in heard(resumed)] == ["cancelled", "ended"]


def test_what_a_worker_tells_reaches_whoever_listens_at_the_service(queued):
    update = queued.proposed(first=True)
    run = begin(queued.zelda, update, prefer=None).json()["id"]
    answered = []
    listener = threading.Thread(target=lambda: answered.append(queued.ola.get(f"/v1/updates/{update}/events")))
    listener.start()
    with queued.workspace.store.transaction() as session:
        row = queue.require(session, run)
        queue.take(session, row, worker="w", device="d")
        queue.note(session, row, "taken", detail="w")
        queue.note(session, row, "gate-started", gate="artifact/count")
    with queued.workspace.store.transaction() as session:
        row = queue.require(session, run)
        queue.end(session, row, QueueState.FAILED, error="It fell over.")
        queue.note(session, row, "failed")
    listener.join()

    told = heard(answered[0])
    assert [name for _number, name, _data in told] == ["queued", "taken", "gate-started", "failed", "ended"]
    assert told[2][2] == {"attempt": 1, "gate": "artifact/count", "run": run}
    state = queued.ola.get(f"/v1/updates/{update}/runs/{run}").json()
    assert (state["state"], state["error"]) == ("FAILED", "It fell over.")


def test_too_many_at_once_are_told_to_come_back(workspace, tmp_path, policy, held):
    world = World(workspace, tmp_path, policy, most_waiting=0)
    first, second = world.proposed(first=True), world.proposed(first=True)
    location = begin(world.zelda, first).headers["Location"]
    assert held.inside.wait(30)

    assert as_json(begin(world.zelda, second)) == (503, "busy")

    held.free.set()
    ended(world, location)


def test_a_fault_of_ours_is_told_without_details(world, workspace):
    update = world.proposed(first=True)
    broken = dataclasses.replace(workspace, evidence_dir=workspace.store)  # no folder at all
    runner = world.app.state.service.runner
    run_id = runner.start(broken, update, "quick", world.policy, lambda: world.app.state.service.board.open(update))

    with pytest.raises(TypeError):
        runner.wait(run_id)

    told = world.ola.get(f"/v1/updates/{update}/runs/{run_id}").json()
    assert told["state"] == "FAILED"
    assert told["error"] == "Gatekeeper itself failed; nothing was admitted."
