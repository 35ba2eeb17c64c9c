"""Every answer that is no success is a problem of one shape, and every answer carries the same headers."""

import json

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from service_world import World, as_json

from api.app import create_app
from api.edges import HEADERS
from api.problems import KINDS, MEDIA_TYPE, ProblemOut, response_for
from api.settings import ServiceSettings
from gatekeeper.core import errors
from gatekeeper.core.errors import GatekeeperError, PolicyError, RegistryError, StoreError


def whole(response):
    """Return what a problem says, after checking that it is one."""
    body = ProblemOut.model_validate_json(response.content)
    assert response.headers["content-type"] == MEDIA_TYPE
    assert (body.status, body.request_id) == (response.status_code, response.headers["X-Request-Id"])
    return body


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        pytest.param("GET", "/v1/nothing", 404, "not-found", id="no-route"),
        pytest.param("GET", "/", 404, "not-found", id="root"),
        pytest.param("GET", "/docs", 404, "not-found", id="no-pages-from-elsewhere"),
        pytest.param("DELETE", "/v1/updates", 405, "method", id="no-method"),
        pytest.param("GET", "/v1/updates/", 404, "not-found", id="slash"),
        pytest.param("GET", "/v1/updates/upd-0", 404, "not-found", id="no-update"),
        pytest.param("GET", "/v1/updates/%00", 404, "not-found", id="nul"),
        pytest.param("GET", "/v1/updates/..%2f..%2fetc", 404, "not-found", id="dots"),
        pytest.param("GET", "/v1/models/%F0%9F%A6%80", 404, "not-found", id="no-model"),
        pytest.param("GET", "/v1/policies/sha256:00", 404, "not-found", id="no-policy"),
        pytest.param("GET", "/v1/ledger/entries/99", 404, "not-found", id="no-entry"),
        pytest.param("GET", "/v1/ledger/entries/-1", 422, "payload", id="negative"),
        pytest.param("GET", "/v1/ledger/entries/99999999999999999999", 422, "payload", id="enormous"),
        pytest.param("GET", "/v1/ledger/consistency?old=3&new=2", 422, "payload", id="backwards"),
        pytest.param("GET", "/v1/updates?limit=x", 422, "payload", id="no-number"),
    ],
)
def test_every_refusal_is_a_problem(world, method, path, status, code):
    answered = world.ada.call(method, path)

    assert as_json(answered) == (status, code)
    assert whole(answered).detail


def test_a_wrong_payload_says_which_part_of_it_and_repeats_nothing(world):
    body = {"model": "a/b", "name": "", "artifact": "/etc/passwd", "secret": "do not repeat me"}

    answered = world.zelda.post("/v1/updates", body)

    said = whole(answered)
    assert {each.where for each in said.errors} == {"body.model", "body.name", "body.artifact", "body.secret"}
    assert "do not repeat me" not in answered.text
    assert "passwd" not in answered.text


def test_every_error_of_ours_has_a_problem():
    kinds = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, GatekeeperError)]

    answers = {kind.__name__: response_for(kind("What is wrong.", hint="What to do."), "id") for kind in kinds}

    assert {answer.status_code for answer in answers.values()} <= {403, 409, 422, 503}
    assert (answers["PolicyError"].status_code, answers["UsageError"].status_code) == (503, 422)
    assert (answers["PromotionConflict"].status_code, answers["RegistryError"].status_code) == (409, 503)


def test_codes_are_of_their_own():
    assert len({(kind.code, kind.status) for kind in KINDS.values()}) == len(KINDS)


def test_a_fault_of_ours_says_nothing_about_itself(world, registry, caplog):
    def break_down(step):
        raise RuntimeError("the password is tomato")

    world.live()
    registry.before = break_down

    answered = world.ola.get("/v1/models/quick")

    assert as_json(answered) == (500, "internal")
    assert "tomato" not in answered.text
    assert whole(answered).request_id in caplog.text


@pytest.mark.parametrize(
    ("error", "code"),
    [
        pytest.param(RegistryError("It is down."), "registry", id="registry"),
        pytest.param(StoreError("It is locked."), "store", id="store"),
    ],
)
def test_what_may_pass_says_when_to_come_back(world, registry, error, code):
    def fail(step):
        raise error

    world.live()
    registry.before = fail

    answered = world.ola.get("/v1/models/quick")

    assert as_json(answered) == (503, code)
    assert answered.headers["Retry-After"] == "10"


def test_readiness_names_what_does_not_answer(workspace, tmp_path, registry):
    def broken():
        raise PolicyError("line 3 is wrong.")

    app = create_app(workspace, ServiceSettings(policy=broken))
    client = TestClient(app)

    answered = client.get("/readyz")

    assert answered.status_code == 503
    assert answered.json() == {
        "status": "not ready",
        "checks": {"database": "ok", "policy": "PolicyError", "registry": "ok"},
    }
    assert client.get("/healthz").json() == {"status": "ok"}


def test_every_answer_carries_the_headers(world):
    for answered in (world.ola.get("/v1/updates"), world.client.get("/healthz"), world.client.get("/nothing")):
        assert {name: answered.headers[name] for name in HEADERS} == HEADERS
        assert "server" not in answered.headers


def test_an_id_that_the_caller_gives_is_kept_and_nonsense_is_not(world):
    kept = world.ola.get("/v1/me", headers={"X-Request-Id": "build-1234.retry_2"})
    replaced = world.ola.get("/v1/me", headers={"X-Request-Id": "a b\tc"})

    assert kept.headers["X-Request-Id"] == "build-1234.retry_2"
    assert len(replaced.headers["X-Request-Id"]) == 32


def test_a_long_body_is_refused_before_it_is_kept(workspace, tmp_path, policy):
    world = World(workspace, tmp_path, policy, most_bytes=1000)

    def parts():
        for _ in range(20):
            yield b" " * 100

    said = world.zelda.call("POST", "/v1/updates", content=b" " * 1001)
    streamed = world.zelda.call("POST", "/v1/updates", content=parts())

    assert as_json(said) == (413, "too-large")
    assert as_json(streamed) == (413, "too-large")


@given(
    body=st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.lists(inner, max_size=3))
)
def test_no_payload_is_a_fault_of_ours(shared_world, body):
    answered = shared_world.zelda.call(
        "POST",
        "/v1/updates",
        content=json.dumps(body),
        headers={"Content-Type": "application/json"},
    )

    assert answered.status_code == 422
