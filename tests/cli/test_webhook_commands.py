"""`gatekeeper webhooks` and `gatekeeper intake` as a person uses them, with wrong input too."""

import json
from pathlib import Path

import pytest
from receiver import authority, headers_of, receiving
from standardwebhooks import Webhook

from gatekeeper.cli.opening import workspace as opened_workspace
from gatekeeper.cli.settings import load_settings
from gatekeeper.store import updates

URL = "https://hooks.example.com/x"


def settings(text):
    with Path("gatekeeper.toml").open("a", encoding="utf-8") as file:
        file.write(text)


def service():
    with Path("principals.toml").open("a", encoding="utf-8") as people:
        people.write('[people.registry]\nroles = ["service"]\n')


def test_a_webhook_is_added_listed_and_removed(project, gatekeeper):
    settings('\n[webhooks]\nhosts = ["hooks.example.com"]\n')

    added = gatekeeper("webhooks", "add", URL, "--event", "update.promoted", "--json")
    listed = gatekeeper("webhooks", "list", "--json").json["webhooks"]
    deliveries = gatekeeper("webhooks", "deliveries", added.json["id"], "--json").json["deliveries"]
    sent = gatekeeper("webhooks", "send", "--json")
    removed = gatekeeper("webhooks", "remove", added.json["id"])
    after = gatekeeper("webhooks", "list")

    assert added.json["secret"].startswith("whsec_")
    assert [(each["url"], each["state"]) for each in listed] == [(URL, "ACTIVE")]
    assert added.json["secret"] not in json.dumps(listed)
    assert (deliveries, sent.json["sent"], sent.code, removed.code) == ([], [], 0, 0)
    assert "nowhere" in after.out
    key = load_settings().home_dir / "keys" / "webhooks.key"
    assert key.stat().st_mode & 0o077 == 0


def test_a_receiver_is_tried_switched_off_and_given_another_secret(project, gatekeeper, tmp_path):
    trusted, served = authority(tmp_path, "localhost")
    with receiving(served) as receiver:
        host = f"localhost:{receiver.port}"
        settings(f'\n[webhooks]\nhosts = ["{host}"]\nnetworks = ["127.0.0.0/8", "::1/128"]\nca_file = "{trusted}"\n')
        added = gatekeeper("webhooks", "add", f"https://{host}/hook", "--event", "update.promoted", "--json").json
        tried = gatekeeper("webhooks", "test", added["id"], "--json")
        changed = gatekeeper("webhooks", "secret", added["id"], "--json").json
        again = gatekeeper("webhooks", "again", added["id"], tried.json["sent"][0]["delivery"], "--json")
        off = gatekeeper("webhooks", "disable", added["id"], "--json").json
        nothing = gatekeeper("webhooks", "test", added["id"], "--json").json
        on = gatekeeper("webhooks", "enable", added["id"], "--json").json
        waited = gatekeeper("webhooks", "send", "--json").json
        stranger = gatekeeper("webhooks", "again", added["id"], "whd-0")
    first, second, third = ((body, headers_of(head)) for head, body in receiver.requests)

    assert (tried.code, again.code, stranger.code) == (0, 0, 64)
    assert (off["state"], nothing["sent"], on["state"], len(waited["sent"])) == ("DISABLED", [], "ACTIVE", 1)
    assert Webhook(added["secret"]).verify(*first)["type"] == "webhook.test"
    assert Webhook(changed["secret"]).verify(*second) == Webhook(added["secret"]).verify(*second)
    assert second[1]["webhook-id"] == first[1]["webhook-id"] != third[1]["webhook-id"]


@pytest.mark.parametrize(
    ("section", "arguments", "says"),
    [
        pytest.param("", (URL,), "sends no webhooks", id="no-host-allowed"),
        pytest.param('hosts = ["hooks.example.com"]', ("https://evil.example/",), "do not allow", id="another-host"),
        pytest.param('hosts = ["hooks.example.com"]', ("http://hooks.example.com/",), "https://", id="plain"),
        pytest.param('hosts = ["hooks.example.com"]', (URL, "--event", "x"), "no event", id="no-event"),
        pytest.param('hosts = ["hooks.example.com"]', (URL, "--as", "mallory"), "among", id="a-stranger"),
        pytest.param('hosts = ["https://hooks.example.com"]', (URL,), "no host", id="a-url-for-a-host"),
        pytest.param('hosts = ["Hooks.example.com"]', (URL,), "no host", id="upper-case"),
        pytest.param('hosts = ["*"]', (URL,), "no host", id="everything"),
        pytest.param('networks = ["10.0.0.1/8"]', (URL,), "networks", id="no-network"),
        pytest.param('hosts = ["a.b"]\nca_file = "none.pem"', (URL,), "authorities", id="no-authorities"),
        pytest.param('secret = "x"', (URL,), "secret", id="unknown-setting"),
    ],
)
def test_wrong_input_is_a_usage_error(project, gatekeeper, section, arguments, says):
    settings(f"\n[webhooks]\n{section}\n")

    refused = gatekeeper("webhooks", "add", *arguments)

    assert refused.code == 64
    assert says in refused.err


def test_a_webhook_that_there_is_not(project, gatekeeper):
    assert gatekeeper("webhooks", "remove", "whe-0").code == 64
    assert gatekeeper("webhooks", "deliveries", "whe-0").code == 64


@pytest.mark.parametrize(
    ("section", "says"),
    [
        pytest.param("", "left alone", id="no-service-named"),
        pytest.param('service = "dana"', "no service", id="a-person"),
        pytest.param('service = "nobody"', "no service", id="nobody"),
        pytest.param('service = "registry"\nevery = 0', "every", id="no-pause"),
    ],
)
def test_nothing_is_taken_in_the_name_of_somebody_who_is_no_service(project, gatekeeper, section, says):
    service()
    settings(f"\n[intake]\n{section}\n")

    refused = gatekeeper("intake", "poll", "--once")

    assert refused.code == 64
    assert says in refused.err


def test_the_service_does_not_start_when_it_could_not_take_anything(project, gatekeeper):
    settings('\n[intake]\nservice = "dana"\n')

    refused = gatekeeper("serve", "--port", "0")

    assert refused.code == 64
    assert "no service" in refused.err


def test_a_database_sends_no_webhooks(project, gatekeeper):
    service()
    settings('\n[intake]\nservice = "registry"\n')

    refused = gatekeeper("intake", "connect", "https://gate.example")

    assert refused.code == 64
    assert "polling" in refused.err


def test_a_version_is_polled_and_evaluated_without_the_service(live, gatekeeper, tiny_world):
    service()
    settings('\n[intake]\nservice = "registry"\ntags_within = 0\n')
    began = gatekeeper("intake", "poll", "--once", "--json").json
    with opened_workspace(load_settings()) as opened:
        client, root = opened.registry._client, opened.registry._artifact_root
        run = client.create_run(client.create_experiment("training", root.as_uri()))
        client.log_artifacts(run.info.run_id, str(tiny_world.benign), "model")
        client.create_model_version("tiny", f"{run.info.artifact_uri}/model", run.info.run_id, await_creation_for=0)

    polled = gatekeeper("intake", "poll", "--once", "--evaluate", "--json").json
    listed = gatekeeper("intake", "list", "--json").json["versions"]
    shown = gatekeeper("status", "--json").json
    again = gatekeeper("intake", "take", "tiny", "2")

    assert (began["began"], began["taken"]) == (["tiny"], [])
    (taken,) = polled["taken"]
    assert (taken["version"], taken["state"]) == ("2", "PROPOSED")
    assert {each["version"]: each["state"] for each in listed} == {"1": "PRIOR", "2": "PROPOSED"}
    assert taken["update"] in json.dumps(shown)
    assert again.code == 64
    with opened_workspace(load_settings()) as opened, opened.store.reading() as session:
        assert updates.require(session, taken["update"]).state.value == "BLOCKED"  # no rows: nothing was measured
