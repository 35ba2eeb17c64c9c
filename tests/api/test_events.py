"""Whoever listens hears how far an evaluation is, also when they come late or again."""

import json
import threading

from fastapi.testclient import TestClient
from service_world import Person, as_json

from api.progress import Board, Evaluation


def heard(response):
    """Return the events of a stream as (number, name, data)."""
    found = []
    for block in response.text.strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines())
        found.append((int(fields["id"]), fields["event"], json.loads(fields["data"])))
    return found


def test_an_evaluation_tells_its_gates_and_its_end(world):
    update = world.judged(first=True)

    told = heard(world.ola.get(f"/v1/updates/{update}/events"))

    assert [(number, name) for number, name, _data in told] == [
        (1, "gates"),
        (2, "gate-started"),
        (3, "gate-ended"),
        (4, "ended"),
    ]
    assert told[2][2]["outcome"] == "ADMIT"
    assert told[-1][2] == {"state": "PENDING_APPROVAL"}


def test_whoever_lost_the_connection_goes_on_where_they_were(world):
    update = world.judged(first=True)

    told = world.ola.call("GET", f"/v1/updates/{update}/events", headers={"Last-Event-ID": "3"})

    assert [name for _number, name, _data in heard(told)] == ["ended"]
    assert told.headers["content-type"].startswith("text/event-stream")
    assert told.headers["Cache-Control"] == "no-store"


def test_whoever_comes_early_hears_everything_as_it_happens(world):
    update = world.proposed(first=True)
    evaluation = world.app.state.service.board.open(update)
    answered = []

    def listen():
        own = Person(TestClient(world.app), world.ola.token, "ola")
        answered.append(own.get(f"/v1/updates/{update}/events"))

    listener = threading.Thread(target=listen)
    listener.start()
    evaluation.begin(("artifact/count",))
    evaluation.inside(1, 2)
    evaluation.end(state="ERRORED")
    listener.join()

    assert [name for _number, name, _data in heard(answered[0])] == ["gates", "items", "ended"]


def test_an_evaluation_that_fails_ends_too(world, registry):
    from gatekeeper.core.errors import RegistryError

    update = world.proposed(first=True)

    def fail(step):
        if step == "log":
            raise RegistryError("It is down.")

    registry.before = fail
    failed = world.zelda.run(update)

    assert as_json(failed) == (503, "registry")
    assert heard(world.ola.get(f"/v1/updates/{update}/events"))[-1][1] == "ended"


def test_what_was_never_evaluated_here_tells_nothing(world):
    update = world.proposed(first=True)

    assert as_json(world.ola.get(f"/v1/updates/{update}/events")) == (404, "not-found")


def test_old_evaluations_are_forgotten_first():
    board = Board()
    for number in range(60):
        board.open(f"upd-{number}")

    assert board.find("upd-0") is None
    assert board.find("upd-59") is not None


def test_nothing_is_told_after_the_end_and_not_too_much_before():
    evaluation = Evaluation()
    for number in range(3000):
        evaluation.tell("gates", number=number)
    evaluation.end(state="BLOCKED")
    evaluation.tell("gates")

    told, ended = evaluation.after(0)

    assert ended
    assert (len(told), told[-1].name) == (2001, "ended")


def test_a_second_evaluation_at_once_hides_nothing_of_the_first():
    board = Board()
    first = board.open("upd-1")
    board.open("upd-1").end(state="ERRORED")

    assert board.find("upd-1") is first
    first.end(state="BLOCKED")
    assert board.open("upd-1") is board.find("upd-1")
