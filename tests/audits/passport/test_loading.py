"""What ``load_verified`` gives comes from the copy that was hashed, and nothing comes where a check fails."""

import shutil
from datetime import UTC, datetime, timedelta

import pytest
from passport_world import World

import gatekeeper
from audits.passport.trust import trust_text
from gatekeeper.core.errors import UsageError, VerificationError
from gatekeeper.intake.manifest import artifact_manifest, base_manifest
from gatekeeper.pipeline.loading import Target, parse_target


@pytest.fixture
def files(tmp_path, tiny_world):
    """An adapter of the tiny model, its base, and everything that verifying takes."""
    shutil.copytree(tiny_world.benign, tmp_path / "own")
    shutil.copytree(tiny_world.base, tmp_path / "base")
    world, now = World(), datetime.now(UTC)
    world.valid_from, world.expires = now - timedelta(minutes=1), now + timedelta(hours=1)
    world.base = base_manifest(tmp_path / "base")
    world.own = artifact_manifest(tmp_path / "own", world.base)
    (tmp_path / "own.passport.json").write_text(world.passport())
    (tmp_path / "trust.toml").write_text(trust_text(world.trust()))
    (tmp_path / "revocations.json").write_text(world.revocations(issued=now))
    return tmp_path


def load(files):
    return gatekeeper.load_verified(
        str(files / "own"),
        base=files / "base",
        trust=files / "trust.toml",
        revocations=files / "revocations.json",
        cache_dir=files / "cache",
    )


def test_a_verified_adapter_is_loaded_on_its_base(files):
    model, tokenizer = load(files)

    assert model.peft_config
    assert tokenizer.chat_template
    assert list((files / "cache").iterdir()) == []


@pytest.mark.parametrize("name", ["own/adapter_model.safetensors", "base/model.safetensors", "base/tokenizer.json"])
def test_a_changed_byte_loads_nothing(files, name):
    body = bytearray((files / name).read_bytes())
    body[-1] ^= 1
    (files / name).write_bytes(bytes(body))

    with pytest.raises(VerificationError, match=name.partition("/")[2]):
        load(files)


def test_the_copy_is_its_owner_s_alone(files, monkeypatch):
    seen = []

    def look(folder, **given):
        seen.append(oct(folder.parent.stat().st_mode & 0o777))
        raise VerificationError("looked")

    monkeypatch.setattr("gatekeeper.pipeline.loading.verify_folder", look)

    with pytest.raises(VerificationError, match="looked"):
        load(files)
    assert seen == ["0o700"]


def test_an_address_names_an_alias():
    assert parse_target("models:/helper@champion") == Target(model="helper", alias="champion")
    assert parse_target("some/folder") is None
    with pytest.raises(UsageError, match="names no alias"):
        parse_target("models:/helper/3")
