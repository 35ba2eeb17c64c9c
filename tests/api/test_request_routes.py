"""The anchor, and breaking the glass, over HTTP: two people each, signed, for a limited time."""

import pytest
from installation import _POLICY
from pipeline_views import events_of, state_of
from quick_world import CATALOGUE
from service_world import as_json

from audits.ledger.check import verify_entries
from gatekeeper.core.states import State
from gatekeeper.pipeline.verify import verify_alias
from policies.load import policy_from_text


@pytest.fixture
def policy():
    return policy_from_text(_POLICY % (1, 1), CATALOGUE)


@pytest.fixture
def blocked(world):
    """An update of more files than the policy lets through, beside a live champion."""
    world.live()
    folder = world.folder()
    for number in range(3):
        (folder / f"more-{number}.txt").write_text("more")
    update = world.zelda.propose(folder).json()["id"]
    assert world.zelda.run(update).json()["state"] == "BLOCKED"
    return update


def to_sign(who, path, action, **more):
    asked = who.get(f"{path}/to-sign", params={"action": action, **more})
    assert asked.status_code == 200, asked.text
    return [who.sign(each) for each in asked.json()["decisions"]]


def ask(who, update, action, body, **more):
    """Look, sign and ask; return the answer."""
    etag, _seen = who.seen(update)
    envelopes = to_sign(who, f"/v1/updates/{update}", action, **more)
    return who.post(f"/v1/updates/{update}/{action}", {"envelopes": envelopes, **more, **body}, etag=etag)


def decide(who, request, action="approve"):
    """Look, sign and decide; return the answer."""
    path = f"/v1/requests/{request}"
    etag = who.get(path).headers["ETag"]
    return who.post(f"{path}/{action}", {"envelopes": to_sign(who, path, action)}, etag=etag)


GLASS = {"incident": "INC-7", "justification": "the champion answers nothing"}


def test_two_administrators_break_the_glass_and_two_review_it(world, registry, blocked):
    asked = ask(world.ada, blocked, "break-glass", GLASS, hours=24)
    agreed = decide(world.abe, asked.json()["id"])

    assert asked.status_code == 201, asked.text
    assert asked.headers["Location"] == f"/v1/requests/{asked.json()['id']}"
    assert (asked.json()["given"], asked.json()["required"], asked.json()["incident"]) == (1, 2, "INC-7")
    assert (agreed.json()["state"], agreed.json()["given"]) == ("APPROVED", 2)
    assert state_of(world.workspace, blocked) is State.BREAK_GLASS

    assert world.ada.promote(blocked).status_code == 200
    assert registry.aliases["quick"]["champion"] == "2"
    assert verify_alias(world.workspace, "quick", "champion").update_id == blocked

    kept = ask(world.ada, blocked, "review", {"justification": "it works"})
    assert kept.status_code == 201, kept.text
    assert decide(world.abe, kept.json()["id"]).json()["state"] == "APPROVED"
    assert world.ada.promote(blocked).status_code == 200
    assert "update.revoked" not in events_of(world.workspace, blocked)
    with world.workspace.store.reading() as session:
        assert verify_entries(session).intact


def test_the_glass_is_not_broken_by_one(world, blocked):
    asked = ask(world.ada, blocked, "break-glass", GLASS)

    again = decide(world.ada, asked.json()["id"])

    assert as_json(again) == (403, "may-not-decide")
    assert as_json(world.ada.promote(blocked)) == (409, "state")


def test_an_approver_breaks_no_glass(world, blocked):
    asked = ask(world.ada, blocked, "break-glass", GLASS).json()["id"]

    etag, _seen = world.dana.seen(blocked)
    opening = world.dana.post(f"/v1/updates/{blocked}/break-glass", {"envelopes": ["{}"], **GLASS}, etag=etag)

    assert as_json(opening) == (403, "not-allowed")
    assert as_json(decide(world.dana, asked)) == (403, "not-allowed")


def test_a_longer_time_than_was_signed_is_not_given(world, blocked):
    etag, _seen = world.ada.seen(blocked)
    envelopes = to_sign(world.ada, f"/v1/updates/{blocked}", "break-glass", hours=72)

    answered = world.ada.post(
        f"/v1/updates/{blocked}/break-glass", {"envelopes": envelopes, "hours": 1, **GLASS}, etag=etag
    )

    assert as_json(answered) == (409, "state")
    assert world.ola.get("/v1/requests").json() == {"items": []}


@pytest.mark.parametrize("hours", [0, -1, 73, "nan", "inf"])
def test_the_glass_is_mended_within_three_days(world, blocked, hours):
    etag, _seen = world.ada.seen(blocked)

    body = {"envelopes": ["{}"], "hours": hours, **GLASS}
    assert as_json(world.ada.post(f"/v1/updates/{blocked}/break-glass", body, etag=etag)) == (422, "payload")
    asked = world.ada.get(f"/v1/updates/{blocked}/to-sign", params={"action": "break-glass", "hours": hours})
    assert as_json(asked) == (422, "payload")


def test_one_refusal_ends_a_request(world, blocked):
    asked = ask(world.ada, blocked, "break-glass", GLASS).json()["id"]

    refused = decide(world.abe, asked, "reject")

    assert refused.json()["state"] == "REFUSED"
    assert state_of(world.workspace, blocked) is State.BLOCKED


def test_two_people_move_the_anchor(world, registry):
    world.live()
    second = world.updated()

    asked = ask(world.dana, second, "anchor", {"reason": "a better start"})
    assert asked.status_code == 201, asked.text
    assert [each["id"] for each in world.ola.get("/v1/requests").json()["items"]] == [asked.json()["id"]]
    assert decide(world.kim, asked.json()["id"]).json()["state"] == "APPROVED"
    assert world.ada.promote(second).json()["aliases"] == ["anchor"]

    assert registry.aliases["quick"] == {"champion": "2", "anchor": "2"}
    assert verify_alias(world.workspace, "quick", "anchor").update_id == second


def test_a_decision_on_an_old_view_of_a_request_is_refused(world, blocked):
    asked = ask(world.ada, blocked, "break-glass", GLASS).json()["id"]
    path = f"/v1/requests/{asked}"
    etag = world.abe.get(path).headers["ETag"]
    envelopes = to_sign(world.abe, path, "approve")
    decide(world.abe, asked, "reject")

    assert as_json(world.abe.post(f"{path}/approve", {"envelopes": envelopes}, etag=etag)) == (412, "changed")
    assert as_json(world.abe.post(f"{path}/approve", {"envelopes": envelopes})) == (428, "no-precondition")


def test_a_request_that_is_not_there_is_not_found(world):
    for path in ("/v1/requests/req-0", "/v1/requests/req-0/to-sign", "/v1/requests/%00"):
        assert as_json(world.ada.get(path)) == (404, "not-found")
