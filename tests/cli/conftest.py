"""A project as a person sets it up, with a real MLflow on SQLite and the tiny world's policy."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

import pytest
from tiny_policy import tiny_policy_text

from gatekeeper.cli.main import run

MODEL = "tiny"


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        """The one JSON object on standard output."""
        return json.loads(self.out)


@pytest.fixture
def gatekeeper(capsys, monkeypatch):
    """Run one command in this process, as the entry point does."""
    monkeypatch.setenv("COLUMNS", "160")

    def call(*arguments):
        capsys.readouterr()
        code = run([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Ended(code=code, out=captured.out, err=captured.err)

    return call


@pytest.fixture
def project(tmp_path, monkeypatch, gatekeeper, tiny_world, item_cache):
    """An initialised project in an empty folder, with two people and the tiny policy."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    for name in [name for name in os.environ if name.startswith(("GATEKEEPER_", "MLFLOW_TRACKING"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GATEKEEPER_CACHE_DIR", str(item_cache))
    monkeypatch.setenv("GATEKEEPER_DTYPE", "float32")
    monkeypatch.setenv("GATEKEEPER_ACTOR", "zelda")
    monkeypatch.setenv("GATEKEEPER_KEYS_DIR", str(tmp_path / "own-keys"))
    assert gatekeeper("init").code == 0
    Path("policy.yaml").write_text(tiny_policy_text(tiny_world.suites), encoding="utf-8")
    keys = {name: gatekeeper("key", "create", "--as", name, "--json").json["key"] for name in ("dana", "kim")}
    Path("principals.toml").write_text(
        '[people.zelda]\nroles = ["submitter"]\n'
        + "".join(f'[people.{name}]\nroles = ["approver"]\nkey = "{key}"\n' for name, key in keys.items()),
        encoding="utf-8",
    )
    assert gatekeeper("trust", "pin").code == 0
    return folder


@pytest.fixture
def live(project, gatekeeper, tiny_world):
    """The project with a certified, approved and promoted champion."""
    certified = gatekeeper(
        "certify", "--model", MODEL, "--update", tiny_world.champion, "--base", tiny_world.base, "--json"
    )
    assert certified.code == 0, certified
    update = certified.json["updates"][0]["id"]
    for name in ("dana", "kim"):
        assert gatekeeper("approve", update, "--as", name).code == 0
    assert gatekeeper("promote", update).code == 0
    return project
