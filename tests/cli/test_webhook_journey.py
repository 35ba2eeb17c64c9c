"""From a version that a trainer registers to a model that a client loads, with every process a real one.

A real ``mlflow server`` that enforces passports rings at a real ``gatekeeper serve``; people approve over REST, and a
receiver over TLS is told every step.
"""

import shutil
import time
from pathlib import Path

import httpx
import pytest
from cryptography.fernet import Fernet
from receiver import authority, headers_of, receiving
from service_process import served
from standardwebhooks import Webhook

import gatekeeper as package
from gatekeeper.cli.opening import load_own_key
from gatekeeper.cli.settings import load_settings
from gatekeeper.client import Client, Refused
from tests.fakes.mlflow_server import free_port, mlflow_server

MODEL = "tiny"
PATIENCE = 180
POLICY = """
policy: journey
version: 1
about: Every stage, and no more of it than the way takes.
gates:
  - gate: artifact/format
    limits:
      - id: nothing-runs
        admit: 'm["code_files"].value == 0.0'
        because: "{m[code_files].value} files can run code."
  - gate: artifact/template
    limits:
      - id: unchanged
        admit: 'm["changed_templates"].value == 0.0'
        because: "{m[changed_templates].value} changes of the chat template."
  - gate: data/schema
    limits:
      - id: rows-are-whole
        admit: 'm["failed_expectations"].value == 0.0'
        because: "{m[failed_expectations].value} expectations failed."
  - gate: weights/integrity
    limits:
      - id: finite
        admit: 'm["non_finite_values"].value == 0 && m["misfit_tensors"].value == 0'
        because: "{m[misfit_tensors].value} tensors do not fit."
certify:
  - gate: artifact/format
    limits:
      - id: nothing-runs
        admit: 'm["code_files"].value == 0.0'
        because: "{m[code_files].value} files can run code."
  - gate: artifact/template
    limits:
      - id: unchanged
        admit: 'm["changed_templates"].value == 0.0'
        because: "{m[changed_templates].value} changes of the chat template."
approvals: {required: 1, roles: [approver], distinct_from: [submitter, trainer], expires_hours: 72}
"""


def eventually(ask, wanted):
    """Ask until the answer is one that is wanted, and return it."""
    end = time.monotonic() + PATIENCE
    while not wanted(found := ask()):
        assert time.monotonic() < end, f"it never came so far: {found}"
        time.sleep(0.1)
    return found


@pytest.fixture
def server(project, gatekeeper, monkeypatch, tmp_path):
    """An enforcing server that may ring at this machine, for the project whose trust file it judges by."""
    port = free_port()
    monkeypatch.setenv("GATEKEEPER_TRACKING_URI", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    # Only because both ends are on this machine: MLflow's own rules are https and public addresses.
    monkeypatch.setenv("MLFLOW_WEBHOOK_ALLOWED_SCHEMES", "http,https")
    monkeypatch.setenv("MLFLOW_WEBHOOK_ALLOW_PRIVATE_IPS", "true")
    monkeypatch.setenv("MLFLOW_WEBHOOK_SECRET_ENCRYPTION_KEY", Fernet.generate_key().decode())
    monkeypatch.setenv("MLFLOW_WEBHOOK_CACHE_TTL", "1")
    monkeypatch.setenv("MLFLOW_WEBHOOK_REQUEST_MAX_RETRIES", "0")
    Path("policy.yaml").write_text(POLICY, encoding="utf-8")
    assert gatekeeper("trust", "pin").code == 0
    folder = tmp_path / "server"
    folder.mkdir()
    registry = f"gatekeeper+sqlite:///{folder}/registry.db"
    with mlflow_server(folder, registry, port=port, trust=Path("trust.toml").resolve()) as url:
        yield url


@pytest.fixture
def champion(server, gatekeeper, tiny_world):
    """A first champion, certified by people, and the settings under which others' versions are taken."""
    certified = gatekeeper(
        "certify", "--model", MODEL, "--update", tiny_world.champion, "--base", tiny_world.base, "--json"
    ).json["updates"][0]["id"]
    for name in ("dana", "kim"):
        assert gatekeeper("approve", certified, "--as", name).code == 0
    assert gatekeeper("promote", certified).code == 0
    with Path("principals.toml").open("a", encoding="utf-8") as people:
        people.write('[people.registry]\nroles = ["service"]\n')
    with Path("gatekeeper.toml").open("a", encoding="utf-8") as settings:
        # No poll comes by for an hour: what happens, happens because the webhook rang.
        settings.write('\n[intake]\nservice = "registry"\nevery = 3600\n')
    return server


@pytest.fixture
def told(champion, gatekeeper, tmp_path):
    """A receiver on this machine that is sent every event; gives what it was told, verified, in order."""
    trusted, certificate = authority(tmp_path, "localhost")
    with receiving(certificate) as receiver:
        host = f"localhost:{receiver.port}"
        with Path("gatekeeper.toml").open("a", encoding="utf-8") as settings:
            settings.write(f'\n[webhooks]\nhosts = ["{host}"]\nca_file = "{trusted}"\n')
            settings.write('networks = ["127.0.0.0/8", "::1/128"]\n')
        secret = gatekeeper("webhooks", "add", f"https://{host}/gate", "--json").json["secret"]
        yield lambda: [Webhook(secret).verify(body, headers_of(head)) for head, body in list(receiver.requests)]


def trained(url, tiny_world, *, user="kim"):
    """Do what a trainer does: log files and rows with a run, and register them as a version."""
    from mlflow.tracking.client import MlflowClient

    client = MlflowClient(tracking_uri=url, registry_uri=url)
    run = client.create_run(client.create_experiment("training"), tags={"mlflow.user": user})
    client.log_artifacts(run.info.run_id, str(tiny_world.benign), "model")
    client.log_artifact(run.info.run_id, str(tiny_world.rows["benign"]), "data")
    made = client.create_model_version(
        MODEL,
        source=f"{run.info.artifact_uri}/model",
        run_id=run.info.run_id,
        tags={"gatekeeper.data": f"data/{tiny_world.rows['benign'].name}", "gatekeeper.title": "weekly feedback"},
        await_creation_for=0,
    )
    return client, made.version


def test_a_registered_version_goes_live_because_the_registry_rang(champion, told, gatekeeper, tiny_world, tmp_path):
    tokens = {name: gatekeeper("token", "create", "--for", name, "--json").json["token"] for name in ("dana", "kim")}
    keys = {name: load_own_key(load_settings(), name) for name in ("dana", "kim")}

    with served() as (url, _token), Client(url, tokens["dana"]) as dana, Client(url, tokens["kim"]) as kim:
        eventually(lambda: gatekeeper("intake", "list", "--json").json["versions"], bool)
        connected = [gatekeeper("intake", "connect", url, "--json").json["webhook"] for _ in range(2)]
        assert len(set(connected)) == 1
        registry, version = trained(champion, tiny_world)
        waiting = eventually(
            lambda: [
                each
                for each in dana.updates(model=MODEL)
                if each.state == "PENDING_APPROVAL" and each.registered_version  # judged, and its bytes are stored
            ],
            bool,
        )
        update = dana.update(waiting[0].id)
        assert (update.value.name, update.value.proposer, update.value.trainer) == (
            "weekly feedback",
            "registry",
            "kim",
        )
        with pytest.raises(Refused) as trainer:
            kim.approve(update, keys["kim"])
        assert dana.approve(update, keys["dana"]).state == "APPROVED"
        promoted = kim.promote(kim.update(update.value.id))

        assert trainer.value.status == 403
        assert registry.get_model_version_by_alias(MODEL, "champion").version == promoted.version
        assert int(promoted.version) > int(version)
        listed = httpx.get(f"{url}/v1/intake", headers={"Authorization": f"Bearer {tokens['dana']}"}).json()["items"]
        states = {each["version"]: (each["state"], each["update"]) for each in listed}
        assert states[str(version)] == ("PROPOSED", update.value.id)
        assert len(list(dana.updates(model=MODEL))) == 2
        way = ["update.submitted", "update.judged", "approval.needed", "approval.given", "update.promoted"]
        events = eventually(told, lambda events: {each["type"] for each in events} >= set(way))
        ours = [each for each in events if each["data"].get("update") == update.value.id]
        assert {each["data"]["model"] for each in ours} == {MODEL}
        steps = sorted((each["data"]["seq"], way.index(each["type"])) for each in ours if each["type"] in way)
        assert [at for _seq, at in steps] == list(range(len(way)))
        # The registry rang for our own move of the alias too, and that is no drift.
        moved = httpx.get(
            f"{url}/v1/ledger/entries?type=drift.found", headers={"Authorization": f"Bearer {tokens['dana']}"}
        )
        assert moved.json()["items"] == []

    client = tmp_path / "client"
    client.mkdir()
    shutil.copyfile("trust.toml", client / "trust.toml")
    model, tokenizer = package.load_verified(
        f"models:/{MODEL}@champion", trust=client / "trust.toml", tracking_uri=champion, cache_dir=client / "copies"
    )
    assert tokenizer("hello")["input_ids"]
    assert sum(each.numel() for each in model.parameters()) > 0
    assert gatekeeper("ledger", "verify").code == 0
