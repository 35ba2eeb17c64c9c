"""Verifying what an alias of a real MLflow registry points to."""

import shutil
from datetime import UTC, datetime, timedelta

import pytest
from passport_world import World

from audits.passport.revocations import place
from gatekeeper.core.errors import VerificationError
from gatekeeper.core.update import Update
from gatekeeper.intake.artifact import read_artifact
from gatekeeper.intake.manifest import base_manifest
from gatekeeper.pipeline.loading import Target, verify_registered
from gatekeeper.registry.mlflow_registry import MlflowRegistry


@pytest.fixture
def registered(tmp_path, tiny_world):
    """An adapter behind ``helper@champion``, with a passport, and what verifying it takes."""
    shutil.copytree(tiny_world.base, tmp_path / "base")
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    registry = MlflowRegistry(uri, artifact_root=tmp_path / "artifacts")
    artifact = read_artifact(tiny_world.benign, tmp_path / "base")
    registry.ensure_model("helper")
    update = Update(id="upd-1", name="benign", model="helper", candidate=artifact, data=None)
    logged = registry.log_candidate(update, None, {}, {})
    registry.move_alias("helper", "champion", logged.version, None)
    world, now = World(), datetime.now(UTC)
    world.registry, world.version = registry.id, logged.version
    world.valid_from, world.expires = now - timedelta(minutes=1), now + timedelta(hours=1)
    world.base, world.own = base_manifest(tmp_path / "base"), artifact.manifest
    registry.attach_passport("helper", logged.version, "champion", world.passport())
    return tmp_path, uri, world, world.revocations(issued=now)


def check(registered, into, revocations=None):
    _folder, uri, world, listed = registered
    return verify_registered(
        Target(model="helper", alias="champion"),
        tracking_uri=uri,
        trust=world.trust(),
        revocations=revocations or listed,
        into=into,
    )


def test_an_alias_is_verified_or_the_changed_file_named(registered, tmp_path):
    folder, _uri, world, _listed = registered
    place_now = place(world.registry, "helper", "champion")
    newer = world.revocations(issued=datetime.now(UTC), current={place_now: ("9", 900)})

    found = check(registered, tmp_path / "first")
    with pytest.raises(VerificationError, match="former move"):
        check(registered, tmp_path / "second", revocations=newer)
    body = bytearray((folder / "base" / "model.safetensors").read_bytes())
    body[-1] ^= 1
    (folder / "base" / "model.safetensors").write_bytes(bytes(body))
    with pytest.raises(VerificationError, match=r"base: model\.safetensors changed"):
        check(registered, tmp_path / "third")

    assert found.passport.binding.version == world.version
    assert found.base == tmp_path / "first" / "base"
