"""Does an alias point to bytes that were admitted, approved and promoted here? Freshly hashed, every time."""

from dataclasses import dataclass

from gatekeeper.core.digests import Digest
from gatekeeper.core.errors import VerificationError
from gatekeeper.pipeline.references import fetch, promoted_digest, require_promoted
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import updates


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """An alias and what stands behind it."""

    model: str
    alias: str
    version: str
    update_id: str
    digest: Digest


def verify_alias(workspace: Workspace, model: str, alias: str) -> Verified:
    """Return what an alias points to, after checking it.

    Raises:
        VerificationError: the alias is missing, was moved behind our back, or its bytes are not the promoted ones.
    """
    version = workspace.registry.alias_version(model, alias)
    if version is None:
        raise VerificationError(f"{model} has no alias {alias}.", hint="Somebody may have deleted it.")
    require_promoted(workspace, model, alias, version)
    registered = fetch(workspace, model, version)
    digest = registered.artifact.manifest.digest
    if digest != promoted_digest(workspace, model, version):
        raise VerificationError(
            f"Version {version} of {model} does not hold the bytes that were promoted.",
            hint="Somebody changed the stored artifact or its base model.",
        )
    with workspace.store.reading() as session:
        update_id = updates.with_version(session, model, version)[-1].id
    return Verified(model=model, alias=alias, version=version, update_id=update_id, digest=digest)
