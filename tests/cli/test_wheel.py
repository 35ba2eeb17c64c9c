"""The built wheel holds all it needs, and runs from a folder whose names collide with its own."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

HOME = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The wheel, built and unpacked."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=HOME,
        check=True,
        capture_output=True,
    )
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def run_from(folder, installed, *arguments):
    return subprocess.run(
        [sys.executable, "-P", "-m", "gatekeeper", *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(installed), "HOME": str(folder)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "needed",
    [
        "policies/builtin/baseline.yaml",
        "regression/suites/knowledge.jsonl",
        "gatekeeper/store/migrations/versions/0001_first_tables.py",
        "audits/reports/schema.json",
        "gatekeeper/pipeline/scan/report.schema.json",
        "gatekeeper/demo_assets/champion/adapter/adapter_model.safetensors",
        "gatekeeper/demo_assets/updates/tampered/adapter/chat_template.jinja",
    ],
)
def test_the_wheel_holds(installed, needed):
    assert (installed / needed).is_file()


def test_the_wheel_runs_beside_a_folder_of_the_same_name(installed, tmp_path):
    decoy = tmp_path / "api"
    decoy.mkdir()
    (decoy / "__init__.py").write_text("print('DECOY RAN')\n", encoding="utf-8")

    ended = run_from(tmp_path, installed, "init", "--json")

    assert ended.returncode == 0, ended.stderr
    assert "DECOY RAN" not in ended.stdout + ended.stderr
    assert (tmp_path / "gatekeeper.toml").is_file()


def test_the_wheel_explains_its_own_policy(installed, tmp_path):
    ended = run_from(tmp_path, installed, "policy", "explain", "builtin:baseline", "--json")

    assert ended.returncode == 0, ended.stderr
    assert "artifact/format" in ended.stdout
