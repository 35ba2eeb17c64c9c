"""``gatekeeper reconcile`` against a real MLflow whose database somebody edits."""

import os
import signal
import sqlite3
import subprocess
import sys
import urllib.request
from pathlib import Path

from gatekeeper.cli.drift_metrics import DriftMetrics

MODEL = "tiny"


def point(project, alias, version):
    with sqlite3.connect(project / ".gatekeeper" / "mlflow.db") as database:
        database.execute("UPDATE registered_model_aliases SET version = ? WHERE alias = ?", (version, alias))


def second(gatekeeper, tiny_world):
    """Promote a second version."""
    checked = gatekeeper(
        "check", "--model", MODEL, "--update", tiny_world.benign, "--data", tiny_world.rows["benign"], "--json"
    )
    update = checked.json["updates"][0]["id"]
    assert gatekeeper("approve", update, "--as", "dana").code == 0
    assert gatekeeper("promote", update).code == 0


def test_an_alias_that_was_edited_in_the_database_is_found_shown_and_cleared(live, gatekeeper, tiny_world):
    second(gatekeeper, tiny_world)
    clean = gatekeeper("reconcile", "--once")
    point(live, "champion", 1)

    verified = gatekeeper("verify", f"models:/{MODEL}@champion")
    found = gatekeeper("reconcile", "--once", "--json")
    status = gatekeeper("status")
    point(live, "champion", 2)
    gone = gatekeeper("reconcile", "--once", "--json")

    assert (clean.code, "agree" in clean.out) == (0, True), clean
    assert verified.code == 20
    assert found.code == 20
    assert [each["kind"] for each in found.json["drifts"]] == ["alias-moved"]
    assert "points to version 1; the last promotion left it at version 2" in status.out
    assert (gone.code, gone.json["cleared"]) == (0, 1)
    assert gatekeeper("ledger", "verify").code == 0


def test_it_is_put_back_where_the_policy_says_so(live, gatekeeper, tiny_world):
    second(gatekeeper, tiny_world)
    policy = Path("policy.yaml")
    policy.write_text(policy.read_text(encoding="utf-8") + "drift: restore\n", encoding="utf-8")
    point(live, "champion", 1)

    ended = gatekeeper("reconcile", "--once", "--json")

    assert (ended.code, ended.json["drifts"]) == (0, [])
    assert [each["alias"] for each in ended.json["restored"]] == ["champion"]
    assert gatekeeper("verify", f"models:/{MODEL}@champion").code == 0


def test_one_changed_byte_of_a_stored_version_is_found(live, gatekeeper):
    assert gatekeeper("reconcile", "--once").code == 0
    weights = next((live / ".gatekeeper" / "artifacts").rglob("adapter_model.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x00")

    ended = gatekeeper("reconcile", "--once", "--json")

    assert (ended.code, {each["kind"] for each in ended.json["drifts"]}) == (20, {"bytes-changed"})


def test_a_registry_that_is_down_is_no_agreement(live, gatekeeper, monkeypatch):
    monkeypatch.setenv("GATEKEEPER_TRACKING_URI", "http://127.0.0.1:9")

    assert gatekeeper("reconcile", "--once").code == 30


def test_the_loop_ends_cleanly_when_it_is_told_to(live):
    process = subprocess.Popen(
        [sys.executable, "-m", "gatekeeper", "reconcile", "--every", "60", "--json"],
        cwd=live,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])},
    )
    line = process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    rest, _ = process.communicate(timeout=60)

    assert '"drifts": []' in line
    assert (process.returncode, rest) == (0, "")


def test_metrics_are_served_as_text_with_a_fixed_set_of_labels():
    metrics = DriftMetrics()
    metrics.failed()
    port = metrics.serve("127.0.0.1", 0)

    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
        text = answer.read().decode()

    assert 'gatekeeper_drifts{kind="alias-moved"} 0.0' in text
    assert 'gatekeeper_reconcile_rounds_total{end="failed"} 1.0' in text
