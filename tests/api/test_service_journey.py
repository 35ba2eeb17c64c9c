"""The whole way of an update over HTTP: proposed, evaluated, agreed to with own keys, live, and taken back."""

from pipeline_views import events_of, state_of
from service_world import as_json

from audits.ledger.check import verify_entries
from gatekeeper.core.states import State
from gatekeeper.pipeline.verify import verify_alias


def test_a_first_champion_goes_live_over_http(world, registry):
    update = world.live()

    assert registry.aliases["quick"] == {"champion": "1", "anchor": "1"}
    assert world.ola.get(f"/v1/updates/{update}").json()["state"] == "ACTIVE"
    assert verify_alias(world.workspace, "quick", "champion").update_id == update


def test_an_update_goes_live_and_back_again(world, registry):
    first = world.live()
    second = world.updated()
    model = world.dana.get("/v1/models/quick")

    (decision,) = world.dana.get("/v1/models/quick/to-sign").json()["decisions"]
    back = world.dana.post(
        "/v1/models/quick/rollback",
        {"envelopes": [world.dana.sign(decision)], "reason": "it was wrong"},
        etag=model.headers["ETag"],
    )

    assert back.json() == {"model": "quick", "version": "1", "aliases": ["champion"], "previous": "2"}
    assert registry.aliases["quick"]["champion"] == "1"
    assert (state_of(world.workspace, first), state_of(world.workspace, second)) == (State.ACTIVE, State.ROLLED_BACK)
    assert verify_alias(world.workspace, "quick", "champion").update_id == first


def test_a_live_update_is_revoked_after_going_back(world):
    world.live()
    second = world.updated()
    etag, _seen = world.dana.seen(second)

    to_sign = world.dana.get(f"/v1/updates/{second}/to-sign", params={"action": "revoke"}).json()["decisions"]
    revoked = world.dana.post(
        f"/v1/updates/{second}/revoke", {"envelopes": [world.dana.sign(each) for each in to_sign]}, etag=etag
    )

    assert [each["action"] for each in to_sign] == ["rollback", "revoke"]
    assert revoked.json() == {"update": second, "live": "1", "published": True}
    assert state_of(world.workspace, second) is State.REVOKED


def test_a_former_champion_is_revoked_where_it_is(world):
    first = world.live()
    world.updated()
    etag, _seen = world.dana.seen(first)

    (decision,) = world.dana.get(f"/v1/updates/{first}/to-sign", params={"action": "revoke"}).json()["decisions"]
    revoked = world.dana.post(f"/v1/updates/{first}/revoke", {"envelopes": [world.dana.sign(decision)]}, etag=etag)

    assert revoked.json()["live"] is None
    assert state_of(world.workspace, first) is State.REVOKED


def test_a_refused_update_stays_refused(world):
    world.live()
    update = world.judged()

    refused = world.dana.decide(update, "reject", comment="not this week")

    assert refused.json()["state"] == "REJECTED"
    (decision,) = world.kim.get(f"/v1/updates/{update}/approvals").json()["items"]
    assert (decision["decision"], decision["by"], decision["comment"]) == ("reject", "dana", "not this week")
    assert as_json(world.ada.promote(update)) == (409, "state")


def test_a_proposer_takes_their_own_update_back_and_nobody_elses(world, policy):
    world.live()
    update = world.judged()
    etag, seen = world.zelda.seen(update)
    body = {"seen": seen, "comment": "trained on the wrong rows"}

    withdrawn = world.zelda.post(f"/v1/updates/{update}/withdraw", body, etag=etag)

    assert withdrawn.json()["state"] == "WITHDRAWN"
    assert events_of(world.workspace, update)[-1] == "update.withdrawn"


def test_what_was_done_over_http_is_in_a_whole_ledger(world):
    update = world.live()

    told = events_of(world.workspace, update)
    assert told == [
        "update.submitted",
        "run.started",
        "gate.reported",
        "verdict.decided",
        "candidate.logged",
        "approval.given",
        "approval.given",
        "promotion.intended",
        "promotion.intended",
        "promotion.observed",
        "promotion.observed",
        "champion.certified",
    ]
    with world.workspace.store.reading() as session:
        assert verify_entries(session).intact


def test_an_update_is_proposed_from_the_registry(world, registry):
    world.live()

    proposed = world.zelda.post("/v1/updates", {"model": "quick", "name": "again", "artifact": "models:/quick/1"})

    assert proposed.status_code == 201
    assert proposed.headers["Location"] == f"/v1/updates/{proposed.json()['id']}"
    assert world.zelda.run(proposed.json()["id"]).json()["outcome"] == "ADMIT"
