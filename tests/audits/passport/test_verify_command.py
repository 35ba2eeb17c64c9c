"""``gatekeeper verify FOLDER`` outside a project, over real files."""

import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from passport_world import World

from audits.passport.trust import trust_text
from gatekeeper.cli.verify import verify
from gatekeeper.core.errors import UsageError, VerificationError
from gatekeeper.intake.manifest import artifact_manifest, base_manifest

FILES = {
    "own/adapter_model.safetensors": b"adapter weights",
    "own/adapter_config.json": b"{}",
    "own/tokenizer.json": b'{"model":{}}',
    "own/chat_template.jinja": b"{{ messages }}",
    "base/model.safetensors": b"base weights",
    "base/config.json": b"{}",
}


@pytest.fixture
def files(tmp_path, monkeypatch):
    """A folder with everything that verifying takes, and nothing else."""
    monkeypatch.chdir(tmp_path)
    for name, body in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(body)
    world = World()
    now = datetime.now(UTC)
    world.valid_from, world.expires = now - timedelta(minutes=1), now + timedelta(hours=1)
    world.base = base_manifest(tmp_path / "base")
    world.own = artifact_manifest(tmp_path / "own", world.base)
    (tmp_path / "own.passport.json").write_text(world.passport())
    (tmp_path / "trust.toml").write_text(trust_text(world.trust()))
    (tmp_path / "revocations.json").write_text(world.revocations(issued=now))
    return tmp_path


def check(files):
    return verify(
        str(files / "own"),
        base=files / "base",
        trust=files / "trust.toml",
        revocations=files / "revocations.json",
        as_json=True,
    )


def test_a_folder_is_verified_outside_a_project(files, capsys):
    assert check(files) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["verified"], said["binding"]["model"]) == (True, "helper")


@pytest.mark.parametrize("name", FILES)
def test_one_changed_byte_anywhere_is_named(files, name):
    body = bytearray((files / name).read_bytes())
    body[len(body) // 2] ^= 1
    (files / name).write_bytes(bytes(body))

    with pytest.raises(VerificationError) as caught:
        check(files)

    assert caught.value.exit_code == 20
    assert f"{name.partition('/')[2]} changed" in caught.value.message


def test_an_added_file_is_named(files):
    (files / "own" / "modeling.py").write_text("import os")

    with pytest.raises(VerificationError, match=r"modeling\.py was added"):
        check(files)


def test_without_a_revocation_list_nothing_is_verified(files):
    with pytest.raises(VerificationError, match=r"^revocation"):
        verify(str(files / "own"), base=files / "base", trust=files / "trust.toml")


def test_an_adapter_needs_its_base(files):
    with pytest.raises(UsageError, match="stands on a base"):
        verify(str(files / "own"), trust=files / "trust.toml")


def test_verifying_a_folder_imports_no_model_library(files):
    program = (
        "import sys; from gatekeeper.cli.verify import verify; from pathlib import Path as P\n"
        "verify('own', base=P('base'), trust=P('trust.toml'), revocations=P('revocations.json'))\n"
        "assert not {'torch', 'mlflow', 'transformers'} & set(sys.modules), sorted(sys.modules)"
    )

    done = subprocess.run([sys.executable, "-c", program], cwd=files, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr[-2000:]
