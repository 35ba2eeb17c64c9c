"""Accepting a finding over REST: what may be, what has to be signed, and who is refused."""

import pytest
from gallery_world import WAIVERS, gallery
from service_world import as_json

ROWS = "data/private/rows"


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    made = gallery(tmp_path_factory.mktemp("waiver-routes"), WAIVERS)
    made.live()
    yield made
    made.workspace.store.close()


@pytest.fixture
def review(world):
    return world.update("private rows", private=[["row-3", "holds an address"]])


def accept(who, update, code=ROWS, *, days=None, because="Our own.", **changed):
    etag, seen = who.seen(update)
    wanted = {"action": "waive", "code": code, **({"days": days} if days else {})}
    asked = who.get(f"/v1/updates/{update}/to-sign", params=wanted)
    if asked.status_code != 200:
        return asked
    body = {"envelope": who.sign(asked.json()["decisions"][0]), "seen": seen, "code": code, "because": because}
    return who.post(f"/v1/updates/{update}/waive", {**body, **changed}, etag=etag)


def test_two_administrators_accept_and_the_update_is_under_other_evidence(world, review):
    before = world.ola.get(f"/v1/updates/{review}").json()
    told = world.ola.get(f"/v1/updates/{review}/waivers").json()

    first, second = accept(world.ada, review), accept(world.abe, review)

    assert [each["code"] for each in told["acceptable"]] == [ROWS]
    assert told["acceptable"][0]["roles"] == ["admin"]
    assert (first.json()["given"], second.json()["given"]) == (1, 2)
    after = second.json()["update"]
    assert after["outcome"] == "ADMIT"
    assert after["run"] != before["run"]
    assert after["digests"]["evidence_digest"] != before["digests"]["evidence_digest"]
    listed = world.ola.get(f"/v1/updates/{review}/waivers").json()
    assert [(each["by"], each["justification"], each["counts"]) for each in listed["items"]] == [
        ("ada", "Our own.", True),
        ("abe", "Our own.", True),
    ]
    assert world.ola.get(f"/v1/updates/{review}/verdict").json()["waived"] == [ROWS]


def test_whoever_lacks_the_role_is_refused(world, review):
    assert as_json(accept(world.dana, review)) == (403, "not-allowed")


def test_accepting_twice_is_nobody_elses_consent(world, review):
    assert accept(world.ada, review).status_code == 200
    assert as_json(accept(world.ada, review)) == (403, "may-not-decide")


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        pytest.param({"code": "artifact/format/some"}, 409, id="another-code"),
        pytest.param({"because": ""}, 422, id="no-reason"),
        pytest.param({"envelope": "{}"}, 422, id="no-signature"),
        pytest.param({"seen": {"update_digest": "sha256:" + "0" * 64}}, 409, id="another-view"),
    ],
)
def test_something_else_than_what_was_signed_is_refused(world, review, changed, status):
    assert accept(world.ada, review, **changed).status_code == status


def test_an_approval_is_no_waiver_and_a_waiver_no_approval(world, review):
    etag, seen = world.ada.seen(review)
    path = f"/v1/updates/{review}"
    (approval,) = world.ada.get(f"{path}/to-sign", params={"action": "approve"}).json()["decisions"]
    (waiver,) = world.dana.get(f"{path}/to-sign", params={"action": "waive", "code": ROWS}).json()["decisions"]

    crossed = world.ada.post(
        f"{path}/waive",
        {"envelope": world.ada.sign(approval), "seen": seen, "code": ROWS, "because": "x"},
        etag=etag,
    )
    other = world.dana.post(f"{path}/approve", {"envelope": world.dana.sign(waiver), "seen": seen}, etag=etag)

    assert (as_json(crossed), as_json(other)) == ((409, "state"), (409, "state"))


def test_a_signature_for_longer_than_the_policy_allows_is_refused(world, review):
    etag, seen = world.ada.seen(review)
    path = f"/v1/updates/{review}"
    (waiver,) = world.ada.get(f"{path}/to-sign", params={"action": "waive", "code": ROWS}).json()["decisions"]
    longer = {**waiver, "expires": "2099-01-01T00:00:00Z"}

    answered = world.ada.post(
        f"{path}/waive", {"envelope": world.ada.sign(longer), "seen": seen, "code": ROWS, "because": "x"}, etag=etag
    )

    assert as_json(answered) == (409, "state")
    assert accept(world.ada, review, days=8).status_code == 409


def test_the_same_request_twice_is_one_waiver(world, review):
    etag, seen = world.ada.seen(review)
    path = f"/v1/updates/{review}"
    (waiver,) = world.ada.get(f"{path}/to-sign", params={"action": "waive", "code": ROWS}).json()["decisions"]
    body = {"envelope": world.ada.sign(waiver), "seen": seen, "code": ROWS, "because": "x"}

    first, again = (world.ada.post(f"{path}/waive", body, etag=etag, key="one") for _ in range(2))

    assert first.content == again.content
    assert len(world.ola.get(f"{path}/waivers").json()["items"]) == 1
