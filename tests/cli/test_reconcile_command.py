"""``gatekeeper reconcile`` and what ``status`` shows of it, with a real MLflow on SQLite."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from gatekeeper.cli.settings import load_settings
from gatekeeper.store.database import open_store
from gatekeeper.store.entries import of_type
from tests.fakes.mlflow_server import free_port

MODEL = "tiny"
ROOT = Path(__file__).resolve().parents[2]


def behind_the_back(statement):
    """Change MLflow's own database directly."""
    with sqlite3.connect(".gatekeeper/mlflow.db") as database:
        assert database.execute(statement).rowcount == 1


def point_elsewhere():
    behind_the_back("UPDATE registered_model_aliases SET version = 7 WHERE alias = 'champion'")


def leaves(type):
    store = open_store(load_settings().resolved_database_url)
    try:
        with store.reading() as session:
            return [json.loads(entry.leaf)["data"] for entry in of_type(session, type)]
    finally:
        store.close()


def restoring():
    """Let the project's policy put aliases back, and verifiers accept its verdicts."""
    policy = Path("policy.yaml")
    policy.write_text(policy.read_text(encoding="utf-8") + "drift: restore\n", encoding="utf-8")


def test_a_project_in_order_ends_with_0_and_status_says_when(live, gatekeeper):
    never = gatekeeper("status")
    once = gatekeeper("reconcile", "--once")
    told = gatekeeper("status", "--json")

    assert "never ran here" in never.out
    assert (once.code, "agree" in once.out) == (0, True), once
    assert told.json["drifts"] == []
    assert told.json["reconciler"]["last_good_round"] == told.json["reconciler"]["last_round"] is not None


def test_an_alias_rewritten_in_mlflows_own_database_is_found_logged_and_shown(live, gatekeeper):
    point_elsewhere()
    verified = gatekeeper("verify", f"models:/{MODEL}@champion")
    once = gatekeeper("reconcile", "--once", "--json")
    again = gatekeeper("reconcile", "--once")
    shown = gatekeeper("status")
    told = gatekeeper("status", "--json")

    assert verified.code == 20, verified
    assert once.code == again.code == 20, (once, again)
    (drift,) = once.json["drifts"]
    assert (drift["kind"], drift["alias"], drift["version"], drift["observed"]) == (
        "alias-moved",
        "champion",
        "1",
        "7",
    )
    assert "points to version 7; promoted was version 1" in again.out
    assert "DRIFT tiny@champion points to version 7" in shown.out
    assert told.json["drifts"] == [drift]
    assert [leaf["observed"] for leaf in leaves("drift.found")] == ["7"]
    assert gatekeeper("ledger", "verify").code == 0


def test_an_alias_deleted_in_mlflows_own_database_is_found(live, gatekeeper):
    behind_the_back("DELETE FROM registered_model_aliases WHERE alias = 'champion'")

    once = gatekeeper("reconcile", "--once", "--json")

    assert (once.code, [each["kind"] for each in once.json["drifts"]]) == (20, ["alias-missing"])


def test_a_version_deleted_by_a_plain_client_is_found(live, gatekeeper):
    from mlflow.tracking.client import MlflowClient

    uri = load_settings().resolved_tracking_uri
    MlflowClient(tracking_uri=uri, registry_uri=uri).delete_model_version(MODEL, "1")

    once = gatekeeper("reconcile", "--once", "--json")

    kinds = sorted(each["kind"] for each in once.json["drifts"])
    assert (once.code, kinds) == (20, ["alias-missing", "alias-missing", "version-deleted"])


def test_one_changed_byte_with_its_old_size_and_time_is_found_at_once_in_a_folder(live, gatekeeper):
    assert gatekeeper("reconcile", "--once").code == 0
    (file,) = Path(".gatekeeper/artifacts").rglob("model/adapter_model.safetensors")
    told = file.stat()
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(bytes(content))
    os.utime(file, ns=(told.st_atime_ns, told.st_mtime_ns))
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (told.st_size, told.st_mtime_ns)

    once = gatekeeper("reconcile", "--once", "--json")

    assert (once.code, [each["kind"] for each in once.json["drifts"]]) == (20, ["bytes-changed"])


def test_the_alias_is_put_back_where_the_policy_says_so(live, gatekeeper):
    point_elsewhere()
    restoring()

    once = gatekeeper("reconcile", "--once", "--json")
    verified = gatekeeper("verify", f"models:/{MODEL}@champion")

    assert (once.code, once.json["drifts"], len(once.json["restored"])) == (0, [], 1), once
    assert verified.code == 0, verified
    assert leaves("drift.cleared") == [{"by": "restored"}]


def test_a_registry_that_does_not_answer_ends_with_30_and_is_no_agreement(live, gatekeeper, monkeypatch):
    assert gatekeeper("reconcile", "--once").code == 0
    monkeypatch.setenv("GATEKEEPER_TRACKING_URI", f"http://127.0.0.1:{free_port()}")

    once = gatekeeper("reconcile", "--once", "--json")

    assert once.code == 30
    assert "does not answer" in once.json["errors"][0]


@pytest.mark.parametrize("every", ["0", "61", "-1"])
def test_rounds_are_at_most_a_minute_apart(project, gatekeeper, every):
    assert gatekeeper("reconcile", "--every", every).code == 64


def test_the_loop_tells_each_change_once_serves_metrics_and_ends_with_0(live):
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "gatekeeper",
        "reconcile",
        "--every",
        "0.2",
        "--json",
        "--metrics-port",
        str(port),
    ]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    point_elsewhere()

    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        first = json.loads(process.stdout.readline())
        behind_the_back("UPDATE registered_model_aliases SET version = 1 WHERE alias = 'champion'")
        second = json.loads(process.stdout.readline())
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
            metrics = answer.read().decode()
        process.send_signal(signal.SIGTERM)
        rest = process.stdout.read()
        code = process.wait()

    assert (first["what"], second["what"], rest, code) == ("found", "cleared", "", 0)
    assert first["drift"] == second["drift"]
    for name in (
        'gatekeeper_open_drifts{kind="alias-moved"}',
        "gatekeeper_reconcile_rounds_total",
        "gatekeeper_reconcile_failed_rounds_total",
        "gatekeeper_reconcile_seconds_since_last_good_round",
        "gatekeeper_last_full_hash_timestamp_seconds",
    ):
        assert name in metrics
