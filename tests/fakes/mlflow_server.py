"""A real ``mlflow server`` on this machine whose registry is the enforcing one.

The entry points are the ones that pyproject.toml declares. Only the judge is replaced, inside the server's process: a
passport is then its binding as JSON, so that a test can write any number of valid ones.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import tomllib
import urllib.request
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KEY = "ed25519:" + "A" * 43 + "="

_JUDGE = """
import json
from audits.passport.binding import Binding
from gatekeeper.core.errors import VerificationError
from gatekeeper.registry.enforcing import judge

class Reader:
    def binding(self, passport, revocations):
        if passport == "crash":
            raise RuntimeError("s3cret")
        try:
            read = json.loads(passport)
            return Binding(**read)
        except (ValueError, TypeError) as error:
            raise VerificationError("signature: It is not signed.") from error

judge.judge_for = lambda trust: Reader()
"""


def passport(model: str, version: int, previous: str | None, intent: int, alias: str = "champion") -> str:
    """Return what the replaced judge takes for a valid passport."""
    binding = {
        "registry": "mlflow:0", "model": model, "version": str(version), "alias": alias,
        "expected_previous": previous, "nonce": "0", "kind": "promote", "intent": intent, "break_glass": False,
        "valid_from": "2026-01-01T00:00:00Z", "valid_until": None,
    }  # fmt: skip
    return json.dumps(binding)


def surroundings(folder: Path, *, judge: bool = True) -> dict[str, str]:
    """Return the environment of a server: our entry points, a trust file, and the replaced judge."""
    info = folder / "gatekeeper_entry_points-0.dist-info"
    info.mkdir(parents=True, exist_ok=True)
    points = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: gatekeeper-entry-points\nVersion: 0\n")
    (info / "entry_points.txt").write_text(
        "".join(
            f"[{group}]\n" + "".join(f"{name} = {to}\n" for name, to in each.items()) for group, each in points.items()
        )
    )
    if judge:
        (folder / "sitecustomize.py").write_text(_JUDGE)
    trust = folder / "trust.toml"
    trust.write_text(
        f'origin = "log.test"\nregistries = ["mlflow:0"]\nprotected = ["champion", "anchor"]\n'
        f'log_keys = ["unused"]\npassport_keys = ["{KEY}"]\n'
    )
    return {
        **os.environ,
        "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}",
        "GATEKEEPER_TRUST": str(trust),
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "OMP_NUM_THREADS": "1",
    }


def command(folder: Path, registry: str, port: int) -> list[str]:
    """Return how the server is started."""
    return [
        sys.executable, "-m", "mlflow", "server", "--backend-store-uri", f"sqlite:///{folder}/tracking.db",
        "--registry-store-uri", registry, "--host", "127.0.0.1", "--port", str(port), "--workers", "1",
        "--artifacts-destination", str(folder / "artifacts"),
    ]  # fmt: skip


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def mlflow_server(folder: Path, registry: str, *, port: int | None = None, trust: Path | None = None):
    """Start a server with this registry, give its address, and stop it.

    With a trust file of its own nothing is replaced: it judges real passports.
    """
    port = port or free_port()
    url = f"http://127.0.0.1:{port}"
    environment = surroundings(folder / "site", judge=trust is None)
    if trust is not None:
        environment["GATEKEEPER_TRUST"] = str(trust)
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(
            command(folder, registry, port),
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            _wait(process, url, folder / "server.log")
            yield url
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:  # it waits for webhooks that it still wants to repeat
                os.killpg(process.pid, signal.SIGKILL)
                process.wait(30)


def _wait(process, url: str, log: Path) -> None:
    end = time.monotonic() + 300
    while time.monotonic() < end and process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=2):  # noqa: S310
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(log.read_text()[-3000:])
