"""Does an alias point to bytes that were admitted, approved and promoted here? Freshly hashed, every time."""

from dataclasses import dataclass

from gatekeeper.core.digests import Digest
from gatekeeper.core.errors import VerificationError
from gatekeeper.core.states import State
from gatekeeper.pipeline.references import fetch
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import promotions, updates


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
    registered = fetch(workspace, model, version)
    with workspace.store.reading() as session:
        promoted = [
            row
            for row in updates.with_digest(session, model, registered.artifact.manifest.digest)
            if row.registered_version == version and row.state in (State.ACTIVE, State.SUPERSEDED)
        ]
        observed = [
            row
            for row in promoted
            if any(attempt.version == version for attempt in promotions.of_update(session, row.id))
        ]
    if not observed:
        raise VerificationError(
            f"{model}@{alias} points to version {version}, which was never promoted here.",
            hint="Somebody moved the alias by hand: move it back and propose the version as an update.",
        )
    return Verified(
        model=model,
        alias=alias,
        version=version,
        update_id=observed[-1].id,
        digest=registered.artifact.manifest.digest,
    )
