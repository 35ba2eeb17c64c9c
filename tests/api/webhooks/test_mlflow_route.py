"""The registry's door: open to nobody without its signature, and a bell to everybody else."""

import base64
import hashlib
import hmac
import json
import time
import uuid

import pytest
from service_world import World, as_json

from api.webhooks.settings import Incoming

SECRET = b"s" * 32
SHARED = SECRET.hex()
PATH = "/v1/webhooks/mlflow"


class Rung(list):
    def look(self):
        self.append("aliases")


@pytest.fixture
def rung():
    return Rung()


@pytest.fixture
def world(workspace, tmp_path, policy, rung):
    taking = Incoming(secret=lambda: SECRET, wake=rung.append, look=rung.look)
    return World(workspace, tmp_path, policy, registry=taking)


def ring(world, entity="model_version", action="created", *, delivery=None, secret=SHARED, body=None, at=0):
    delivery, sent = delivery or str(uuid.uuid4()), str(int(time.time()) + at)
    text = body or json.dumps({"entity": entity, "action": action, "data": {"name": "helper", "version": "7"}})
    mac = hmac.new(secret.encode(), f"{delivery}.{sent}.{text}".encode(), hashlib.sha256).digest()
    headers = {
        "X-MLflow-Delivery-Id": delivery,
        "X-MLflow-Timestamp": sent,
        "X-MLflow-Signature": "v1," + base64.b64encode(mac).decode(),
        "Content-Type": "application/json",
    }
    return world.client.post(PATH, content=text, headers=headers)


@pytest.mark.parametrize(
    ("entity", "action", "rings"),
    [
        pytest.param("model_version", "created", "helper", id="a-new-version"),
        pytest.param("model_version_tag", "set", "helper", id="a-tag"),
        pytest.param("model_version_alias", "created", "aliases", id="an-alias-set"),
        pytest.param("model_version_alias", "deleted", "aliases", id="an-alias-removed"),
    ],
)
def test_the_registry_rings(world, rung, entity, action, rings):
    answered = ring(world, entity, action)

    assert (answered.status_code, answered.json()) == (202, {"taken": True})
    assert rung == [rings]


def test_what_concerns_nobody_here_rings_nothing(world, rung):
    assert ring(world, "prompt", "created").json() == {"taken": False}
    assert rung == []


def test_the_same_delivery_rings_once(world, rung):
    first, second = (ring(world, delivery="the-same-delivery") for _ in range(2))

    assert [first.json()["taken"], second.json()["taken"]] == [True, False]
    assert second.status_code == 202
    assert rung == ["helper"]


def test_a_stranger_rings_nothing(world, rung):
    answers = [
        ring(world, secret="guessed"),
        ring(world, at=-600),
        world.client.post(PATH, content=b"{}"),
        world.ada.post(PATH, {"entity": "model_version"}),
    ]

    assert {as_json(each) for each in answers} == {(401, "no-token")}
    assert rung == []


def test_a_stranger_who_tries_again_and_again_is_slowed_down(workspace, tmp_path, policy, rung):
    taking = Incoming(secret=lambda: SECRET, wake=rung.append, look=rung.look)
    world = World(workspace, tmp_path, policy, registry=taking, failures_per_minute=3)

    codes = [ring(world, secret="guessed").status_code for _ in range(6)]

    assert codes[:3] == [401] * 3
    assert set(codes[3:]) == {429}
    assert ring(world).status_code == 202  # whoever signs is never kept waiting by others


def test_a_body_that_is_too_long_is_not_read(world, rung):
    long = json.dumps({"entity": "model_version", "action": "created", "data": {"name": "x" * 70_000}})

    assert as_json(ring(world, body=long)) == (413, "too-large")
    assert rung == []


def test_what_is_signed_and_says_nothing_is_a_wrong_payload(world, rung):
    assert as_json(ring(world, body="{}")) == (422, "payload")
    assert rung == []


def test_without_a_secret_the_door_is_shut(workspace, tmp_path, policy, rung):
    taking = Incoming(secret=lambda: None, wake=rung.append, look=rung.look)
    world = World(workspace, tmp_path, policy, registry=taking)

    assert as_json(ring(world, secret="")) == (404, "not-found")
    assert rung == []
