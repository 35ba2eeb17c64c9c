"""Webhooks over REST: the settings say which hosts, administrators which of them; the secret is shown once."""

import ipaddress
import ssl

import pytest
from receiver import authority, headers_of, receiving
from service_world import World, as_json
from standardwebhooks import Webhook

from api.webhooks.address import Rules
from api.webhooks.post import Poster
from api.webhooks.sender import Sender
from api.webhooks.settings import Outgoing
from gatekeeper.store.tables import AnswerRow

URL = "https://hooks.example.com/x"
KEY = b"k" * 32


@pytest.fixture
def outgoing():
    rules = Rules(hosts=frozenset({"hooks.example.com"}))
    return Outgoing(rules=rules, poster=Poster(rules), key=KEY)


@pytest.fixture
def world(workspace, tmp_path, policy, outgoing):
    return World(workspace, tmp_path, policy, outgoing=outgoing)


def add(world, url=URL, events=("update.promoted",), **more):
    return world.ada.post("/v1/webhooks", {"url": url, "events": list(events)}, **more)


def change(world, webhook, word, who="ada"):
    seen = world.ada.get(f"/v1/webhooks/{webhook}")
    return world.people[who].post(f"/v1/webhooks/{webhook}/{word}", etag=seen.headers["ETag"])


def test_the_secret_is_shown_once_and_kept_nowhere(world, workspace):
    made = add(world, key="a-key")
    again = add(world, key="a-key")
    webhook = made.json()["webhook"]["id"]

    assert (made.status_code, again.status_code) == (201, 201)
    assert made.json()["secret"].startswith("whsec_")
    assert again.headers["Idempotent-Replayed"] == "true"
    assert (again.json()["webhook"]["id"], again.json()["secret"]) == (webhook, None)
    assert "secret" not in world.ada.get(f"/v1/webhooks/{webhook}").json()
    with workspace.store.reading() as session:
        assert not any(b"whsec_" in (row.body or b"") for row in session.query(AnswerRow))


def test_a_new_secret_is_another_one(world):
    made = add(world).json()
    webhook = made["webhook"]["id"]

    changed = change(world, webhook, "secret")
    stale = world.ada.post(f"/v1/webhooks/{webhook}/secret", etag='"another"')

    assert changed.json()["secret"] not in {made["secret"], None}
    assert changed.json()["webhook"]["secrets"] == 2
    assert as_json(stale) == (412, "changed")


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("https://evil.example/", id="a-host-that-nobody-allowed"),
        pytest.param("https://169.254.169.254/latest/meta-data", id="metadata"),
        pytest.param("https://2852039166/", id="metadata-in-decimal"),
        pytest.param("https://[::ffff:a9fe:a9fe]/", id="metadata-in-ipv6"),
        pytest.param("https://hooks.example.com@evil.example/", id="userinfo"),
        pytest.param("http://hooks.example.com/", id="plain"),
        pytest.param("https://hooks.example.com/\r\nX: y", id="line-break"),
        pytest.param("https://hооks.example.com/", id="cyrillic"),
    ],
)
def test_an_address_that_may_not_be_sent_to_is_not_taken(world, url):
    assert as_json(add(world, url)) == (422, "payload")
    assert world.ada.get("/v1/webhooks").json()["items"] == []


def test_an_event_that_there_is_not_is_not_taken(world):
    assert as_json(add(world, events=["update.exploded"])) == (422, "payload")


def test_without_hosts_in_the_settings_nothing_can_be_added(workspace, tmp_path, policy):
    world = World(workspace, tmp_path, policy)

    assert as_json(add(world)) == (409, "state")


def test_switching_off_and_on_and_removing(world):
    webhook = add(world).json()["webhook"]["id"]

    states = [change(world, webhook, word).json()["state"] for word in ("disable", "enable", "remove")]

    assert states == ["DISABLED", "ACTIVE", "REMOVED"]
    assert as_json(world.ada.get(f"/v1/webhooks/{webhook}")) == (404, "not-found")
    assert as_json(world.ada.post(f"/v1/webhooks/{webhook}/test")) == (404, "not-found")


def test_only_administrators_see_more_of_an_address_than_its_host(world):
    webhook = add(world, "https://hooks.example.com/services/T0/s3cret").json()["webhook"]["id"]

    assert "s3cret" in world.ada.get(f"/v1/webhooks/{webhook}").json()["url"]
    for path in ("/v1/webhooks", f"/v1/webhooks/{webhook}"):
        assert "https://hooks.example.com/…" in world.ola.get(path).text
        assert "s3cret" not in world.ola.get(path).text


def test_a_delivery_belongs_to_its_webhook(world):
    first, second = (add(world, URL + each).json()["webhook"]["id"] for each in ("/1", "/2"))
    made = world.ada.post(f"/v1/webhooks/{first}/test").json()["id"]

    assert world.ada.post(f"/v1/webhooks/{first}/deliveries/{made}/again").status_code == 202
    assert as_json(world.ada.post(f"/v1/webhooks/{second}/deliveries/{made}/again")) == (404, "not-found")
    assert as_json(world.ada.post(f"/v1/webhooks/{first}/deliveries/whd-%00/again")) == (404, "not-found")


def test_there_is_an_end_to_how_many(world, monkeypatch):
    monkeypatch.setattr("api.routes.webhooks._MOST", 2)
    add(world, URL + "/1")
    add(world, URL + "/2")

    assert as_json(add(world, URL + "/3")) == (409, "state")


def test_a_test_reaches_a_real_receiver_and_is_listed(workspace, tmp_path, policy):
    trusted, served = authority(tmp_path, "hooks.example.com")
    with receiving(served) as receiver:
        rules = Rules(
            hosts=frozenset({f"hooks.example.com:{receiver.port}"}), networks=(ipaddress.ip_network("127.0.0.1/32"),)
        )
        poster = Poster(
            rules,
            context=ssl.create_default_context(cafile=str(trusted)),
            resolver=lambda name, port: ["127.0.0.1"],
        )
        world = World(workspace, tmp_path, policy, outgoing=Outgoing(rules=rules, poster=poster, key=KEY))
        made = add(world, f"https://hooks.example.com:{receiver.port}/hook").json()
        webhook = made["webhook"]["id"]
        waits = world.ada.post(f"/v1/webhooks/{webhook}/test").json()
        Sender(workspace.store, poster, KEY).send_due()
        (listed,) = world.ola.get(f"/v1/webhooks/{webhook}/deliveries").json()["items"]
    ((head, body),) = receiver.requests

    assert (waits["state"], waits["event"]) == ("PENDING", "webhook.test")
    assert (listed["state"], listed["last_status"], listed["attempts"]) == ("DELIVERED", 204, 1)
    assert Webhook(made["secret"]).verify(body, headers_of(head))["data"] == {"webhook": webhook}
