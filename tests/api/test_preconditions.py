"""Nobody changes, or decides about, something else than what they saw."""

import pytest
from people import key_of
from service_world import as_json

from audits.passport.decision import PAYLOAD_TYPE
from audits.passport.dsse import sign
from gatekeeper.core.digests import canonical
from gatekeeper.store import approvals

WRONG = "sha256:" + "0" * 64


@pytest.fixture
def update(world):
    return world.judged(first=True)


def to_sign(person, update, action="approve"):
    return person.get(f"/v1/updates/{update}/to-sign", params={"action": action}).json()["decisions"][0]


def test_an_etag_changes_exactly_when_the_update_does(world, update):
    first, _seen = world.dana.seen(update)
    same, _seen = world.kim.seen(update)
    world.dana.decide(update)
    after, _seen = world.kim.seen(update)

    assert first == same
    assert first != after


def test_what_was_not_changed_is_not_sent_again(world, update):
    etag, _seen = world.dana.seen(update)

    again = world.dana.get(f"/v1/updates/{update}", headers={"If-None-Match": etag})

    assert (again.status_code, again.content) == (304, b"")


def test_a_write_without_a_precondition_is_refused(world, update):
    for etag in (None, "*"):
        answered = world.zelda.post(f"/v1/updates/{update}/runs", etag=etag)
        assert as_json(answered) == (428, "no-precondition")


def test_a_write_on_an_old_view_is_refused(world, update):
    etag, seen = world.kim.seen(update)
    envelope = world.kim.sign(to_sign(world.kim, update))
    world.dana.decide(update)

    late = world.kim.post(f"/v1/updates/{update}/approve", {"envelope": envelope, "seen": seen}, etag=etag)

    assert as_json(late) == (412, "changed")


@pytest.mark.parametrize("which", ["update_digest", "policy_digest", "evidence_digest"])
def test_other_digests_in_view_are_refused(world, update, which):
    etag, seen = world.dana.seen(update)
    envelope = world.dana.sign(to_sign(world.dana, update))

    answered = world.dana.post(
        f"/v1/updates/{update}/approve", {"envelope": envelope, "seen": {**seen, which: WRONG}}, etag=etag
    )

    assert as_json(answered) == (409, "stale-view")


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"update_digest": WRONG}, id="bytes"),
        pytest.param({"policy_digest": WRONG}, id="policy"),
        pytest.param({"evidence_digest": WRONG}, id="evidence"),
        pytest.param({"decision": "reject"}, id="a-refusal"),
        pytest.param({"expires": "2999-01-01T00:00:00Z"}, id="longer"),
        pytest.param({"update": "upd-0000000000000000"}, id="another-update"),
        pytest.param({"action": "rollback"}, id="another-action"),
        pytest.param({"alias": "anchor"}, id="another-alias"),
    ],
)
def test_a_signature_under_something_else_is_refused(world, update, changed):
    etag, seen = world.dana.seen(update)
    envelope = world.dana.sign({**to_sign(world.dana, update), **changed})

    answered = world.dana.post(f"/v1/updates/{update}/approve", {"envelope": envelope, "seen": seen}, etag=etag)

    assert as_json(answered) == (409, "state")
    with world.workspace.store.reading() as session:
        assert approvals.of_update(session, update) == []


@pytest.mark.parametrize(
    "spoil",
    [
        pytest.param(lambda text: text[:-2] + " }", id="another-spelling"),
        pytest.param(lambda text: "{}", id="no-envelope"),
        pytest.param(lambda text: "\ud800", id="no-text"),
        pytest.param(lambda text: "[" * 5000, id="deep"),
    ],
)
def test_what_is_no_envelope_is_refused(world, update, spoil):
    import json

    etag, seen = world.dana.seen(update)
    envelope = spoil(world.dana.sign(to_sign(world.dana, update)))

    answered = world.dana.call(
        "POST",
        f"/v1/updates/{update}/approve",
        content=json.dumps({"envelope": envelope, "seen": seen}),
        headers={"If-Match": etag, "Content-Type": "application/json"},
    )

    assert answered.status_code == 422


def test_nobody_approves_with_somebody_elses_signature(world, update):
    etag, seen = world.dana.seen(update)
    kims = sign(canonical(to_sign(world.dana, update)), PAYLOAD_TYPE, key_of("kim"))

    answered = world.dana.post(f"/v1/updates/{update}/approve", {"envelope": kims, "seen": seen}, etag=etag)

    assert as_json(answered) == (422, "bad-signature")


def test_nobody_approves_twice(world, update):
    world.dana.decide(update)

    assert as_json(world.dana.decide(update)) == (403, "may-not-decide")


def test_nobody_approves_what_they_proposed(world, tmp_path):
    own = world.zelda
    update = world.judged(first=True)
    etag, seen = world.dana.seen(update)
    body = {"envelope": own.sign(to_sign(world.dana, update)), "seen": seen}

    assert as_json(own.post(f"/v1/updates/{update}/approve", body, etag=etag)) == (403, "not-allowed")


def test_a_rollback_signed_for_another_time_is_refused(world):
    world.live()
    world.updated()
    etag = world.dana.get("/v1/models/quick").headers["ETag"]
    (decision,) = world.dana.get("/v1/models/quick/to-sign").json()["decisions"]

    for changed in (
        {"expires": "2999-01-01T00:00:00Z"},
        {"expires": "2001-01-01T00:00:00Z"},
        {"expires": "soon"},
        {"request": "req-1"},
        {"request": None},
    ):
        body = {"envelopes": [world.dana.sign({**decision, **changed})]}
        assert as_json(world.dana.post("/v1/models/quick/rollback", body, etag=etag)) == (409, "state")
    assert world.dana.get("/v1/models/quick").headers["ETag"] == etag


def test_a_revocation_that_is_signed_by_half_goes_no_half_way(world, registry):
    world.live()
    second = world.updated()
    etag, _seen = world.dana.seen(second)
    asked = world.dana.get(f"/v1/updates/{second}/to-sign", params={"action": "revoke"}).json()["decisions"]

    for sent in (asked[:1], asked[1:], [asked[0], {**asked[1], "evidence_digest": WRONG}]):
        body = {"envelopes": [world.dana.sign(each) for each in sent]}
        assert as_json(world.dana.post(f"/v1/updates/{second}/revoke", body, etag=etag)) == (409, "state")
    assert registry.aliases["quick"]["champion"] == "2"


def test_one_signature_goes_back_once(world):
    world.live()
    world.updated()
    (decision,) = world.dana.get("/v1/models/quick/to-sign").json()["decisions"]
    body = {"envelopes": [world.dana.sign(decision)]}
    first = world.dana.post("/v1/models/quick/rollback", body, etag=world.dana.get("/v1/models/quick").headers["ETag"])
    world.updated()

    again = world.dana.post("/v1/models/quick/rollback", body, etag=world.dana.get("/v1/models/quick").headers["ETag"])

    assert first.status_code == 200
    assert as_json(again) == (409, "state")


def test_a_changed_policy_makes_the_update_stale_for_everybody(world, update, tmp_path):
    import dataclasses

    from service_world import Person, World

    other = dataclasses.replace(world.policy, seed=world.policy.seed + 1)
    after = World(world.workspace, tmp_path, other, roles={})
    dana = Person(after.client, world.dana.token, "dana")

    assert dana.get(f"/v1/updates/{update}").json()["approvals"]["required"] is None
    assert as_json(dana.decide(update)) == (409, "state")
    assert dana.get(f"/v1/updates/{update}").json()["state"] == "STALE"
