"""The whole way with real passports, through a real server that enforces them."""

import sqlite3
from pathlib import Path

import pytest

from tests.fakes.mlflow_server import free_port, mlflow_server

MODEL = "tiny"


@pytest.fixture
def server(project, gatekeeper, monkeypatch, tmp_path):
    """The project's registry is an enforcing server that trusts the project's own trust file."""
    port = free_port()
    monkeypatch.setenv("GATEKEEPER_TRACKING_URI", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    assert gatekeeper("trust", "pin").code == 0
    folder = tmp_path / "server"
    folder.mkdir()
    registry = f"gatekeeper+sqlite:///{folder}/registry.db"
    with mlflow_server(folder, registry, port=port, trust=Path("trust.toml").resolve()) as url:
        yield url, folder


def decide(gatekeeper, update, *people):
    for name in people:
        assert gatekeeper("approve", update, "--as", name).code == 0


def test_only_passports_move_the_alias_and_a_hand_edit_is_refused(server, gatekeeper, tiny_world):
    from mlflow.exceptions import MlflowException
    from mlflow.tracking.client import MlflowClient

    url, folder = server
    client = MlflowClient(tracking_uri=url, registry_uri=url)
    certified = gatekeeper(
        "certify", "--model", MODEL, "--update", tiny_world.champion, "--base", tiny_world.base, "--json"
    ).json["updates"][0]["id"]
    decide(gatekeeper, certified, "dana", "kim")
    first = gatekeeper("promote", certified, "--json")
    checked = gatekeeper(
        "check", "--model", MODEL, "--update", tiny_world.benign, "--data", tiny_world.rows["benign"], "--json"
    ).json["updates"][0]["id"]
    with pytest.raises(MlflowException) as unapproved:
        client.set_registered_model_alias(MODEL, "champion", "2")
    decide(gatekeeper, checked, "dana")
    second = gatekeeper("promote", checked, "--json")
    with pytest.raises(MlflowException) as back:
        client.set_registered_model_alias(MODEL, "champion", "1")
    verified = gatekeeper("verify", f"models:/{MODEL}@champion", "--json")
    rolled_back = gatekeeper("rollback", "--model", MODEL, "--as", "dana", "--reason", "it answers worse", "--json")
    again = gatekeeper("verify", f"models:/{MODEL}@champion", "--json")
    anchor = gatekeeper("verify", f"models:/{MODEL}@anchor")

    assert (first.code, second.code, rolled_back.code) == (0, 0, 0), (first, second, rolled_back)
    assert {unapproved.value.error_code, back.value.error_code} == {"PERMISSION_DENIED"}
    assert (verified.code, verified.json["binding"]["version"]) == (0, "2"), verified
    assert (again.code, again.json["binding"]["kind"], again.json["binding"]["version"]) == (0, "rollback", "1")
    assert anchor.code == 0, anchor

    with sqlite3.connect(folder / "registry.db") as database:
        database.execute("UPDATE registered_model_aliases SET version = 2 WHERE alias = 'champion'")
    moved = gatekeeper("verify", f"models:/{MODEL}@champion")
    assert (moved.code, "champion" in moved.err) == (20, True), moved


def test_the_reconciler_puts_a_hand_edit_back_through_the_server_or_quotes_its_refusal(server, gatekeeper, tiny_world):
    _url, folder = server
    certified = gatekeeper(
        "certify", "--model", MODEL, "--update", tiny_world.champion, "--base", tiny_world.base, "--json"
    ).json["updates"][0]["id"]
    decide(gatekeeper, certified, "dana", "kim")
    assert gatekeeper("promote", certified).code == 0
    policy = Path("policy.yaml").read_text(encoding="utf-8")

    def edit(statement):
        with sqlite3.connect(folder / "registry.db") as database:
            assert database.execute(statement).rowcount == 1

    agreed = gatekeeper("reconcile", "--once", "--json")
    edit("UPDATE registered_model_aliases SET version = 7 WHERE alias = 'champion'")
    found = gatekeeper("reconcile", "--once", "--json")
    Path("policy.yaml").write_text(policy + "drift: restore\n", encoding="utf-8")
    restored = gatekeeper("reconcile", "--once", "--json")
    verified = gatekeeper("verify", f"models:/{MODEL}@champion")
    edit("DELETE FROM registered_model_aliases WHERE alias = 'champion'")
    again = gatekeeper("reconcile", "--once", "--json")
    edit("UPDATE registered_model_tags SET value = '9:999' WHERE key = 'gatekeeper.accepted.champion'")
    edit("UPDATE registered_model_aliases SET version = 7 WHERE alias = 'champion'")
    refused = gatekeeper("reconcile", "--once", "--json")

    assert (agreed.code, found.code, restored.code, verified.code) == (0, 20, 0, 0), (
        agreed,
        found,
        restored,
        verified,
    )
    assert len(restored.json["restored"]) == 1
    assert [each["kind"] for each in again.json["found"]] == ["alias-missing"]
    assert (again.code, len(again.json["restored"])) == (0, 1), again
    (reason,) = refused.json["refused"].values()
    assert (refused.code, "PERMISSION_DENIED" in reason) == (20, True), refused
