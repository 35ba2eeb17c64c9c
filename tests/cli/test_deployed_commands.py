"""Every command line of the deployment files, run as a process on this machine: other folders and ports, same words.

What they say to PostgreSQL is SQLite's here; that database's own tests are elsewhere.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import contextmanager
from pathlib import Path

import pytest
from deployment import commands, compose
from mlflow_server import free_port

from audits.ledger.note import verifier_key
from gatekeeper.cli.opening import open_notary
from gatekeeper.cli.settings import load_settings

PATHS = ("project", "public", "cache", "incoming", "artifacts", "witness")
LINES = commands()[0]


def surroundings(root):
    """The environment that the compose file gives its processes, over folders of this test."""
    told = {
        name: re.sub(r"\$\{[^:}]+:-([^}]*)\}", r"\1", str(value))
        for name, value in compose()["services"]["service"]["environment"].items()
    }
    moved = {name: here(root, value) for name, value in told.items()}
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("GATEKEEPER_", "MLFLOW_"))}
    scripts = str(Path(sys.executable).parent)
    return {**clean, **moved, "PATH": f"{scripts}{os.pathsep}{clean['PATH']}", "MLFLOW_DISABLE_TELEMETRY": "true"}


def here(root, text):
    """A word of a command, about this test's folders."""
    text = re.sub("/srv/", f"{root}/srv/", text)
    return text.replace("/run/secrets/", f"{root}/secrets/").replace("/tmp/keys", f"{root}/keys")


@pytest.fixture
def root(tmp_path):
    for name in PATHS:
        (tmp_path / "srv" / name).mkdir(parents=True)
    (tmp_path / "secrets").mkdir()
    for name, file in (("database_url", "gate.db"), ("mlflow_backend_url", "tracking.db")):
        (tmp_path / "secrets" / name).write_text(f"sqlite:///{tmp_path}/{file}\n", encoding="utf-8")
    (tmp_path / "secrets" / "mlflow_registry_url").write_text(
        f"gatekeeper+sqlite:///{tmp_path}/registry.db\n", encoding="utf-8"
    )
    return tmp_path


def run(root, *words):
    """Run one of our commands to its end."""
    told = [sys.executable, "-m", "gatekeeper", *words]
    return subprocess.run(
        told, env=surroundings(root), cwd=root / "srv" / "project", check=False, capture_output=True, text=True
    )


@contextmanager
def running(root, name, ports, **more):
    """Start a service of the compose file with its own words; folders and ports are this test's."""
    line = compose()["services"][name]["command"] if name == "mlflow" else LINES[name]
    words = [here(root, str(each)).replace("$$", "$") for each in line]
    for there, port in ports.items():
        words = [re.sub(rf"0\.0\.0\.0:{there}\b", f"127.0.0.1:{port}", each) for each in words]
        words = [re.sub(rf"(^|[ :]){there}\b", rf"\g<1>{port}", each) for each in words]
    words = [each.replace("0.0.0.0", "127.0.0.1") for each in words]  # noqa: S104  # the address that is replaced
    if words[0] == "gatekeeper":
        words = [sys.executable, "-m", *words]
    log = (root / f"{name}.log").open("w")
    process = subprocess.Popen(
        words,
        env={**surroundings(root), **more},
        cwd=root / "srv" / "project",
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)
        log.close()


def answer(url, process, *, headers=None, patience=240):
    """Return status and body, once something answers."""
    end = time.monotonic() + patience
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(urllib.request.Request(url, headers=headers or {}), timeout=5) as found:  # noqa: S310
                return found.status, found.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            time.sleep(0.1)
    raise AssertionError(f"{url}: nothing answers; the process ended with {process.poll()}")


def test_the_project_is_made_again_and_again_by_the_same_command(root):
    first, second = run(root, *LINES["init"][1:], "--json"), run(root, *LINES["init"][1:], "--json")

    assert (first.returncode, second.returncode) == (0, 0), first.stderr
    assert str(root / "srv" / "public" / "trust.toml") in json.loads(first.stdout)["written"]
    assert json.loads(second.stdout)["written"] == []


@pytest.mark.timeout(600)
def test_service_worker_reconciler_and_registry_start_and_answer(root):
    assert run(root, "init").returncode == 0
    assert run(root, "token", "create", "--for", "operator").returncode == 0
    ports = {name: free_port() for name in ("5000", "8780", "9109", "9110", "9108")}
    registry = f"http://127.0.0.1:{ports['5000']}"
    tracking = {"GATEKEEPER_TRACKING_URI": registry}
    with (
        running(root, "mlflow", ports) as mlflow,
        running(root, "service", ports, **tracking) as service,
        running(root, "worker", ports, **tracking) as worker,
        running(root, "reconciler", ports, **tracking) as reconciler,
    ):
        assert answer(f"http://127.0.0.1:{ports['8780']}/healthz", service)[0] == 200
        assert answer(f"http://127.0.0.1:{ports['8780']}/metrics", service)[0] == 404
        shown = answer(f"http://127.0.0.1:{ports['9109']}/metrics", service)[1]
        assert "gatekeeper_database_up 1.0" in shown
        assert "gatekeeper_worker_busy 0.0" in answer(f"http://127.0.0.1:{ports['9110']}/metrics", worker)[1]
        assert "gatekeeper_open_drifts" in answer(f"http://127.0.0.1:{ports['9108']}/metrics", reconciler)[1]
        assert answer(f"{registry}/health", mlflow) == (200, "OK")
        search = f"{registry}/api/2.0/mlflow/registered-models/search"
        assert answer(search, mlflow, headers={"Host": f"mlflow:{ports['5000']}"})[0] == 200
        assert answer(search, mlflow, headers={"Host": "rebound.example"})[0] == 403
        assert (root / "tracking.db").exists()  # what the files of secrets name, and not a default
        assert (root / "registry.db").exists()
        assert json.loads(answer(f"http://127.0.0.1:{ports['8780']}/readyz", service)[1])["status"] == "ready"
        answer(f"http://127.0.0.1:{ports['8780']}/v1/me", service)
    assert (service.returncode, worker.returncode, reconciler.returncode) == (0, 0, 0)
    lines = [json.loads(line) for line in (root / "service.log").read_text().splitlines() if line.startswith("{")]
    assert [(each["route"], each["status"]) for each in lines if each.get("route")] == [("/v1/me", 401)]


def test_a_witness_starts_with_the_logs_key(root, monkeypatch):
    assert run(root, "init").returncode == 0
    for name, value in surroundings(root).items():
        monkeypatch.setenv(name, value)
    notary = open_notary(load_settings(root / "srv" / "project"))
    key = str(verifier_key(notary.trust.origin, notary.log))
    monkeypatch.setitem(LINES, "witness", [key if "+AAAA" in each else each for each in LINES["witness"]])
    port = free_port()

    with running(root, "witness", {"8787": port}) as witness:
        assert answer(f"http://127.0.0.1:{port}/checkpoint/none", witness)[0] == 404
    assert (root / "srv" / "witness" / "witness.pem").exists()
