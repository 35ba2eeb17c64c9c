"""Do a registered version's stored bytes still hash to what was promoted? Asked cheaply, and answered by hashing.

What the storage says of the files (names, sizes, times) is compared first; only when that differs from the last time,
or a day has passed, are the bytes fetched and hashed. Times can be forged by whoever owns the storage; the daily hash
cannot.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from gatekeeper.core.digests import Digest, digest_of
from gatekeeper.core.errors import InputError, RegistryError, VerificationError
from gatekeeper.pipeline.references import fetch, promoted_digest
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.registry.storage import local_files
from gatekeeper.store import updates, watches
from gatekeeper.store.tables import DriftKind

HASH_AGAIN: Final = timedelta(days=1)
"""After this time the bytes are hashed whatever the storage says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What a look at one version's bytes came to."""

    drift: DriftKind | None
    """``None`` when the bytes are the promoted ones, as far as was looked."""
    hashed: bool
    """Whether they were hashed."""


def look(workspace: Workspace, model: str, version: str, *, now: datetime, base: str | None) -> Looked:
    """Return whether a version's stored bytes, and its base's, are still the promoted ones.

    Args:
        workspace: of the installation.
        model: registered model.
        version: a version that was promoted here.
        now: the present moment.
        base: folder of the base that it stands on; ``None`` for full weights.

    Raises:
        RegistryError: the storage cannot even be listed.
    """
    seen = _fingerprint(workspace, model, version, base)
    with workspace.store.reading() as session:
        known = watches.find(session, registry_id=workspace.registry.id, model=model, version=version)
    if known is not None and known.fingerprint == seen and now - known.hashed < HASH_AGAIN:
        return Looked(drift=None, hashed=False)
    try:
        found = fetch(workspace, model, version).artifact.manifest.digest
    except (VerificationError, InputError):
        return Looked(drift=DriftKind.BYTES_CHANGED, hashed=True)
    except RegistryError:
        return Looked(drift=DriftKind.FILES_CHANGED, hashed=False)
    if found != promoted_digest(workspace, model, version):
        return Looked(drift=DriftKind.BYTES_CHANGED, hashed=True)
    with workspace.store.transaction() as session:
        watches.note(
            session, registry_id=workspace.registry.id, model=model, version=version, fingerprint=seen, hashed=now
        )
    return Looked(drift=None, hashed=True)


def base_folder(workspace: Workspace, model: str, version: str) -> str | None:
    """Return the folder of the base that a version stands on, as its proposal named it; ``None`` without one."""
    with workspace.store.reading() as session:
        rows = updates.with_version(session, model, version)
    return rows[-1].base_path if rows else None


def _fingerprint(workspace: Workspace, model: str, version: str, base: str | None) -> Digest:
    stored = workspace.registry.stored_files(model, version)
    beside = local_files(Path(base)) if base is not None else ()
    return digest_of({"own": stored, "base": beside})
