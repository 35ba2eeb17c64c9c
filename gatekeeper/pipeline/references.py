"""The versions a candidate is compared with: champion and anchor, as the registry holds them now.

Their bytes are fetched and hashed again; a registered version whose bytes no longer match what was registered is an
error, never a reference.
"""

import dataclasses
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from gatekeeper.core.digests import sha256_bytes
from gatekeeper.core.errors import UsageError, VerificationError
from gatekeeper.core.update import Artifact
from gatekeeper.intake.artifact import read_artifact
from gatekeeper.pipeline.workspace import ANCHOR, CHAMPION, Workspace
from gatekeeper.registry.port import MODEL_FOLDER, Card


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A registered version, fetched and checked."""

    version: str
    artifact: Artifact


def champion_of(workspace: Workspace, model: str) -> Reference:
    """Return the live version.

    Raises:
        UsageError: the model has no champion yet.
        VerificationError: its bytes are not the registered ones.
    """
    found = reference(workspace, model, CHAMPION)
    if found is None:
        raise UsageError(
            f"The model {model} has no champion to compare with.",
            hint=f"Certify a first one: gatekeeper certify --model {model} --update DIR [--base DIR].",
        )
    return found


def anchor_of(workspace: Workspace, model: str) -> Reference | None:
    """Return the version that cumulative drift is measured against, or ``None`` when none is set."""
    return reference(workspace, model, ANCHOR)


def reference(workspace: Workspace, model: str, alias: str) -> Reference | None:
    """Return what an alias points to, from the local copy where its bytes still match; ``None`` without the alias."""
    version = workspace.registry.alias_version(model, alias)
    if version is None:
        return None
    folder = _folder(workspace, model, version)
    kept = folder / MODEL_FOLDER
    if kept.is_dir():
        card = _card(workspace, model, version)
        artifact = read_artifact(kept, card.base_path)
        if artifact.manifest.digest == card.manifest.digest:
            return Reference(version=version, artifact=artifact)
        shutil.rmtree(folder)
    return fetch(workspace, model, version)


def fetch(workspace: Workspace, model: str, version: str) -> Reference:
    """Return a registered version, downloaded anew and hashed.

    Raises:
        VerificationError: its bytes are not the registered ones, or nothing of ours describes them.
    """
    card = _card(workspace, model, version)
    folder = _folder(workspace, model, version)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".fetching-") as draft:
        fetched = workspace.registry.fetch(model, version, into=Path(draft))
        artifact = read_artifact(fetched, card.base_path)
        if artifact.manifest.digest != card.manifest.digest:
            raise VerificationError(
                f"Version {version} of {model} no longer holds the bytes that were registered.",
                hint="Somebody changed the stored artifact or its base model: restore them before judging any update.",
            )
        kept = folder / MODEL_FOLDER
        shutil.rmtree(kept, ignore_errors=True)
        shutil.move(fetched, kept)
    return Reference(version=version, artifact=dataclasses.replace(artifact, path=kept))


def _card(workspace: Workspace, model: str, version: str) -> Card:
    card = workspace.registry.describe(model, version).card
    if card is None:
        raise VerificationError(
            f"Version {version} of {model} did not come through the gate: nothing says what its bytes should be.",
            hint="Somebody moved the alias by hand: move it back, and propose the version as an update.",
        )
    return card


def _folder(workspace: Workspace, model: str, version: str) -> Path:
    safe = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in model)
    return workspace.versions_dir / f"{safe}-{sha256_bytes(model.encode())[7:15]}" / version
