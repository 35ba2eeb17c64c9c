"""The versions a candidate is compared with: champion and anchor, as the registry holds them now.

Their bytes are fetched and hashed again; a registered version whose bytes no longer match what was registered is an
error, never a reference.
"""

import dataclasses
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gatekeeper.core.digests import Digest, sha256_bytes
from gatekeeper.core.errors import InputError, UsageError, VerificationError
from gatekeeper.core.update import Artifact
from gatekeeper.intake.artifact import read_artifact
from gatekeeper.pipeline.principal import ANCHOR, CHAMPION
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.registry.port import MODEL_FOLDER, Card
from gatekeeper.store import promotions, updates
from gatekeeper.store.tables import PromotionRow

_BASE_NOTE: Final = "base.txt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A registered version, fetched and checked."""

    version: str
    artifact: Artifact


def champion_of(workspace: Workspace, model: str) -> Reference:
    """Return the live version: the one the last observed promotion left the alias at.

    Raises:
        UsageError: the model has no champion yet.
        VerificationError: the alias points elsewhere, or its bytes are not the promoted ones.
    """
    found = reference(workspace, model, CHAMPION)
    if found is None:
        raise UsageError(
            f"The model {model} has no champion to compare with.",
            hint=f"Certify a first one: gatekeeper certify --model {model} --update DIR [--base DIR].",
        )
    return found


def anchor_of(workspace: Workspace, model: str) -> Reference | None:
    """Return the version that cumulative drift is measured against, or ``None`` when none is set.

    Raises:
        VerificationError: the alias points to something that was never promoted here.
    """
    return reference(workspace, model, ANCHOR)


def last_promoted(workspace: Workspace, model: str) -> str | None:
    """Return the version the last observed promotion made champion, or ``None`` when there was none."""
    with workspace.store.reading() as session:
        last = promotions.last_observed(session, registry_id=workspace.registry.id, model=model, alias=CHAMPION)
    return None if last is None else last.version


def promoted_digest(workspace: Workspace, model: str, version: str) -> str | None:
    """Return the manifest digest a version was promoted with; ``None`` when it never was, in this registry."""
    with workspace.store.reading() as session:
        return promotions.promoted_digest(session, registry_id=workspace.registry.id, model=model, version=version)


def reference(workspace: Workspace, model: str, alias: str) -> Reference | None:
    """Return what an alias points to, from the local copy where its bytes still match; ``None`` without the alias.

    Raises:
        VerificationError: it was never promoted here, is not what was promoted last, or its bytes changed.
    """
    version = workspace.registry.alias_version(model, alias)
    if version is None:
        return None
    folder, promoted = _folder(workspace, model, version), require_promoted(workspace, model, alias, version)
    kept = folder / MODEL_FOLDER
    if kept.is_dir():
        noted, base = _noted_base(folder)
        if not noted:
            base = _card(workspace, model, version).base_path
        if base is None or base.is_dir():
            artifact = read_artifact(kept, base)
            if artifact.manifest.digest == promoted:
                return Reference(version=version, artifact=artifact)
    found = fetch(workspace, model, version)
    if found.artifact.manifest.digest != promoted:
        raise VerificationError(
            f"Version {version} of {model} does not hold the bytes that were promoted.",
            hint="Somebody changed the stored artifact or its base model: restore them before judging any update.",
        )
    return found


def require_promoted(workspace: Workspace, model: str, alias: str, version: str) -> str:
    """Return the manifest digest that a version was promoted with, when the alias points where we left it.

    Raises:
        VerificationError: it does not.
    """
    expected = last_promoted(workspace, model) if alias == CHAMPION else version
    promoted = promoted_digest(workspace, model, version)
    if promoted is None or version != expected:
        raise VerificationError(
            f"{model}@{alias} points to version {version}, which was never promoted here"
            + (f"; the last promotion left it at {expected}." if alias == CHAMPION and expected else "."),
            hint="Somebody moved the alias by hand: move it back, and propose the version as an update.",
        )
    return promoted


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
        if not kept.is_dir() or read_artifact(kept, card.base_path).manifest.digest != artifact.manifest.digest:
            shutil.rmtree(kept, ignore_errors=True)
            shutil.move(fetched, kept)
    (folder / _BASE_NOTE).write_text("" if card.base_path is None else str(card.base_path), encoding="utf-8")
    return Reference(version=version, artifact=dataclasses.replace(artifact, path=kept))


def require_approved_bytes(workspace: Workspace, intent: PromotionRow) -> Artifact:
    """Fetch the version that a move is about anew and return it, when it is what people agreed to.

    Raises:
        VerificationError: it is not.
    """
    registered = fetch(workspace, intent.model, intent.version)
    with workspace.store.reading() as session:
        approved = updates.require(session, intent.update_id).manifest_digest
    if registered.artifact.manifest.digest != approved:
        raise VerificationError(
            f"Version {intent.version} of {intent.model} does not hold the approved bytes.",
            hint="Somebody changed the stored artifact: nothing was promoted.",
        )
    return registered.artifact


def stored_digest(workspace: Workspace, model: str, version: str, base: Path | None) -> Digest:
    """Return the digest of what the registry stores as a version now, downloaded to a passing folder.

    Args:
        workspace: of the installation.
        model: registered model.
        version: an existing version.
        base: folder of the model it stands on; ``None`` for full weights.

    Raises:
        RegistryError: the registry cannot be asked.
        VerificationError, InputError, UsageError: what is stored can be no update.
    """
    workspace.versions_dir.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=workspace.versions_dir, prefix=".hashing-") as draft:
        fetched = workspace.registry.fetch(model, version, into=Path(draft))
        return read_artifact(fetched, base).manifest.digest


def _noted_base(folder: Path) -> tuple[bool, Path | None]:
    """Return whether it was noted where the base of a kept copy was when it was fetched, and where: ``None`` for none.

    It spares asking the registry for the version's card, and is no evidence: a wrong note gives another digest.
    """
    try:
        noted = (folder / _BASE_NOTE).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return False, None
    return True, Path(noted) if noted else None


def _card(workspace: Workspace, model: str, version: str) -> Card:
    card = workspace.registry.describe(model, version).card
    if card is None:
        raise VerificationError(
            f"Version {version} of {model} did not come through the gate: nothing says what its bytes should be.",
            hint="Somebody moved the alias by hand: move it back, and propose the version as an update.",
        )
    if card.base_path is not None and not card.base_path.is_dir():
        raise InputError(
            f"The base model of version {version} of {model} is no longer at {card.base_path}.",
            hint="Put it back where it was when the version was registered: candidates are compared on those bytes.",
        )
    return card


def _folder(workspace: Workspace, model: str, version: str) -> Path:
    safe = "".join(letter if letter.isalnum() or letter in "-_" else "_" for letter in model)
    return workspace.versions_dir / f"{safe}-{sha256_bytes(model.encode())[7:15]}" / version
