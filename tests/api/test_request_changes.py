"""Sending an update back, and answering with another one."""

import pytest
from pipeline_views import events_of, state_of
from service_world import as_json

from gatekeeper.core.states import State


@pytest.fixture
def sent_back(world):
    """A first champion that was sent back; its id."""
    update = world.judged(first=True)
    answered = world.dana.decide(update, "request-changes", comment="Leave the tickets out.")
    assert answered.status_code == 200, answered.text
    return update


def test_an_update_that_was_sent_back_cannot_be_approved_any_more(world, sent_back):
    told = world.zelda.get(f"/v1/updates/{sent_back}").json()
    (decision,) = world.zelda.get(f"/v1/updates/{sent_back}/approvals").json()["items"]

    assert told["state"] == "CHANGES_REQUESTED"
    assert (decision["decision"], decision["by"], decision["comment"]) == (
        "request-changes",
        "dana",
        "Leave the tickets out.",
    )
    for act in (lambda: world.kim.decide(sent_back), lambda: world.ada.promote(sent_back)):
        assert as_json(act()) == (409, "state")
    assert as_json(world.zelda.run(sent_back)) == (409, "state")
    assert events_of(world.workspace, sent_back)[-1] == "approval.changes_requested"


def test_its_proposer_answers_with_another_update_and_both_say_so(world, sent_back):
    answer = world.zelda.propose(world.folder(), first=True, answers=sent_back)

    assert answer.status_code == 201, answer.text
    assert answer.json()["answers"] == sent_back
    assert world.ola.get(f"/v1/updates/{sent_back}").json()["answered_by"] == answer.json()["id"]
    assert events_of(world.workspace, sent_back)[-1] == "update.answered"
    assert state_of(world.workspace, sent_back) is State.CHANGES_REQUESTED


def test_an_update_is_answered_once_until_that_came_to_nothing(world, sent_back):
    first = world.zelda.propose(world.folder(), first=True, answers=sent_back).json()["id"]
    second = world.zelda.propose(world.folder(), first=True, answers=sent_back)
    etag, seen = world.zelda.seen(first)
    assert world.zelda.post(f"/v1/updates/{first}/withdraw", {"seen": seen}, etag=etag).status_code == 200
    third = world.zelda.propose(world.folder(), first=True, answers=sent_back)

    assert as_json(second) == (409, "state")
    assert third.status_code == 201
    assert world.ola.get(f"/v1/updates/{sent_back}").json()["answered_by"] == third.json()["id"]


def test_what_was_not_sent_back_or_is_somebody_elses_cannot_be_answered(world, sent_back):
    from service_world import Person, token_for

    other = world.judged(first=True)
    dana = Person(world.client, token_for(world.workspace, "dana", "submitter"), "dana")

    assert as_json(world.zelda.propose(world.folder(), first=True, answers=other)) == (409, "state")
    assert as_json(world.zelda.propose(world.folder(), first=True, answers="upd-0123456789abcdef")) == (422, "payload")
    assert as_json(world.zelda.propose(world.folder(), first=True, answers="other")) == (422, "payload")
    assert as_json(world.zelda.propose(world.folder(), first=True, answers=sent_back, model="another")) == (
        409,
        "state",
    )
    assert as_json(dana.propose(world.folder(), first=True, answers=sent_back))[0] == 403


def test_sending_back_takes_a_comment_and_the_right_person(world):
    update = world.judged(first=True)

    assert as_json(world.dana.decide(update, "request-changes")) == (422, "payload")
    assert as_json(world.dana.decide(update, "request-changes", comment="   ")) == (409, "state")
    assert as_json(world.ada.decide(update, "request-changes", comment="x")) == (403, "not-allowed")
    assert state_of(world.workspace, update) is State.PENDING_APPROVAL


def test_an_approval_before_does_not_survive_it(world):
    update = world.judged(first=True)
    world.dana.decide(update)

    assert world.kim.decide(update, "request-changes", comment="Not yet.").status_code == 200
    assert as_json(world.dana.decide(update, "request-changes", comment="Again.")) == (409, "state")


def test_whoever_decided_already_does_not_send_it_back(world):
    update = world.judged(first=True)
    world.dana.decide(update)

    assert as_json(world.dana.decide(update, "request-changes", comment="No.")) == (403, "may-not-decide")
