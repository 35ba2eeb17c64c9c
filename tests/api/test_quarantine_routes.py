"""Rows that wait, over REST: shown by role, released under one's own key and nobody else's."""

import json

import httpx
import pytest
from people import key_of
from quarantine_world import QuarantineWorld, texts
from service_world import World, as_json

from audits.passport.dsse import sign
from audits.passport.release import PAYLOAD_TYPE
from gatekeeper.client import Client
from gatekeeper.core.digests import canonical


@pytest.fixture
def waiting(tmp_path):
    return QuarantineWorld(tmp_path)


@pytest.fixture
def world(waiting, tmp_path):
    scans = tmp_path / "scans"
    scans.mkdir()
    waiting.scan(out="scans/november")
    made = World(waiting.workspace, tmp_path, waiting.policy, scans=scans)
    made.scan = scans / "november"
    yield made
    waiting.workspace.store.close()


PATH = "/v1/quarantine/november"


def asked(who, rows=(1,), because="It is harmless."):
    return who.post(f"{PATH}/to-sign", {"rows": list(rows), "because": because})


def signed(who, answered, signer=None, **changed):
    return [
        {
            "envelope": sign(canonical({**each["document"], **changed}), PAYLOAD_TYPE, key_of(signer or who.name)),
            "salt": each["salt"],
        }
        for each in answered.json()["releases"]
    ]


def sent(who, rows=(1,), because="It is harmless.", *, answered=None, key=None, signer=None, **changed):
    found = answered or asked(who, rows, because)
    body = {"rows": list(rows), "because": because, "signed": signed(who, found, signer, **changed)}
    return who.post(f"{PATH}/release", body, key=key)


def test_rows_are_shown_to_who_may_see_them(world):
    (scan,) = world.zelda.get("/v1/quarantine").json()["items"]
    whole, masked = (who.get(PATH).json()["items"] for who in (world.dana, world.zelda))

    assert (scan["scan"], scan["quarantined"], scan["accepted"]) == ("november", 2, 3)
    assert [(row["number"], row["row"]) for row in whole] == [(1, 1), (2, 3)]
    assert [(row["number"], row["row"]) for row in masked] == [(1, None), (2, None)]
    assert json.loads(whole[0]["record"])["text"] == "an odd one"
    assert whole[0]["flags"][0]["reason"]
    assert all(row["record"] is None and row["flags"][0]["reason"] is None for row in masked)
    assert {flag["gate"] for flag in masked[1]["flags"]} == {"data/odd", "data/strange"}
    assert "odd one" not in world.zelda.get(PATH).text


def test_a_row_is_released_under_ones_own_key(world, waiting):
    answered = sent(world.dana, (3,))

    assert answered.status_code == 200, answered.text
    assert [(each["row"], each["gate"]) for each in answered.json()["items"]] == [(3, "data/odd"), (3, "data/strange")]
    assert texts(world.scan / "accepted.jsonl")[-2] == "an odd and strange one"
    assert [leaf["type"] for leaf in waiting.leaves("row.released")] == ["row.released"] * 2
    assert [row["row"] for row in world.dana.get(PATH).json()["items"]] == [1]


def test_what_was_released_over_rest_counts_like_any_other(world, waiting):
    waiting.champion()
    sent(world.dana, (1,))
    sent(world.kim, (3,))

    checked = waiting.propose(waiting.write("again.jsonl"))

    assert checked.verdict.outcome.name == "ADMIT"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        pytest.param({"row_digest": "sha256:" + "0" * 64}, (409, "state"), id="another-row"),
        pytest.param({"gate": "data/strange"}, (409, "state"), id="another-gate"),
        pytest.param({"method": "sha256:" + "0" * 64}, (409, "state"), id="another-method"),
        pytest.param({"tests": ["other"]}, (409, "state"), id="other-tests"),
        pytest.param({"file_digest": "sha256:" + "0" * 64}, (409, "state"), id="another-file"),
        pytest.param({"reason_digest": "sha256:" + "0" * 64}, (409, "state"), id="another-reason"),
        pytest.param({"given": "2020-01-01T00:00:00Z"}, (409, "state"), id="long-ago"),
        pytest.param({"given": "2999-01-01T00:00:00Z"}, (409, "state"), id="in-the-future"),
        pytest.param({"release": "rel-../../etc"}, (409, "state"), id="strange-id"),
        pytest.param({"signer": "kim"}, (409, "verification"), id="somebody-elses-key"),
    ],
)
def test_something_else_than_what_would_be_recorded_is_refused(world, waiting, changed, code):
    assert as_json(sent(world.dana, (1,), **changed)) == code

    assert waiting.leaves("row.released") == []
    assert [row["row"] for row in world.dana.get(PATH).json()["items"]] == [1, 3]


def test_another_reason_than_the_one_signed_for_is_refused(world):
    given = asked(world.dana)
    body = {"rows": [1], "because": "Something else.", "signed": signed(world.dana, given)}

    assert as_json(world.dana.post(f"{PATH}/release", body)) == (409, "state")


def test_a_signature_for_one_row_releases_no_other(world):
    given = asked(world.dana, (1,))
    body = {"rows": [1, 3], "because": "It is harmless.", "signed": signed(world.dana, given)}

    assert as_json(world.dana.post(f"{PATH}/release", body)) == (409, "state")
    assert [row["row"] for row in world.dana.get(PATH).json()["items"]] == [1, 3]


def test_who_may_not_approve_releases_nothing(world):
    assert as_json(asked(world.ola)) == (403, "not-allowed")
    assert as_json(asked(world.zelda)) == (403, "not-allowed")
    assert as_json(asked(world.ada)) == (403, "not-allowed")


@pytest.mark.parametrize("name", ["..", "%2e%2e", "nothing", ".hidden", "a%2fb", "%00", "november%2f..%2fnovember"])
def test_no_other_folder_can_be_named(world, name):
    (world.root / "scans" / ".hidden").mkdir()

    assert world.dana.get(f"/v1/quarantine/{name}").status_code in {404, 405}


def test_a_link_to_another_folder_is_no_scan(world, waiting):
    elsewhere = waiting.scan(out="elsewhere")
    (world.root / "scans" / "linked").symlink_to(elsewhere)

    assert as_json(world.dana.get("/v1/quarantine/linked")) == (404, "not-found")


def test_a_folder_that_was_changed_is_refused(world):
    with (world.scan / "accepted.jsonl").open("a") as stream:
        stream.write('{"text": "sneaked in"}\n')

    assert as_json(world.dana.get(PATH)) == (409, "state")
    assert as_json(asked(world.dana)) == (409, "state")


def test_the_same_request_twice_is_one_release(world, waiting):
    given = asked(world.dana)

    first, again = (sent(world.dana, answered=given, key="k") for _ in range(2))

    assert first.content == again.content
    assert len(waiting.leaves("row.released")) == 1


def test_rows_that_do_not_wait_are_refused(world):
    assert as_json(asked(world.dana, (0,))) == (409, "state")
    assert as_json(asked(world.dana, ())) == (422, "payload")
    assert as_json(asked(world.dana, (1,), because="")) == (422, "payload")
    assert as_json(asked(world.dana, (1,), because="   ")) == (409, "state")


def test_the_client_signs_what_it_named_and_nothing_else(world):
    def carry(request):
        answered = world.client.request(
            request.method, str(request.url), headers=dict(request.headers), content=request.read()
        )
        return httpx.Response(answered.status_code, content=answered.content)

    http = httpx.Client(base_url="http://gate.test", transport=httpx.MockTransport(carry))
    with Client("http://gate.test", world.dana.token, http=http, wait=lambda seconds: None) as gate:
        released = gate.release("november", [1], key_of("dana"), because="A made-up name.")

        assert [each.row for each in released] == [1]
        assert [row.row for row in gate.quarantined("november")] == [3]
        assert [each.quarantined for each in gate.scans()] == [1]
