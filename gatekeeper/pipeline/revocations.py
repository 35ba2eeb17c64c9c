"""The signed revocation list: written anew after every move, and whenever somebody asks."""

from datetime import UTC, datetime

from audits.passport.binding import written
from audits.passport.revocations import Revoked, place, write_revocations
from gatekeeper.core.errors import GatekeeperError
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import entries, models, promotions, revocations


def signed_list(workspace: Workspace, *, now: datetime | None = None) -> str:
    """Return the list as it is now: what was revoked, and where each alias was last moved to."""
    moment = now or datetime.now(UTC)
    registry = workspace.registry.id
    with workspace.store.reading() as session:
        current: dict[str, tuple[str, int]] = {}
        for model in models.names(session):
            for alias in models.protected_aliases(session, model):
                last = promotions.last_observed(session, registry_id=registry, model=model, alias=alias)
                if last is not None and last.intent_seq is not None:
                    current[place(registry, model, alias)] = (last.version, last.intent_seq)
        revoked = tuple(
            Revoked(digest=row.update_digest, code=row.code, at=written(row.revoked))
            for row in revocations.all_revoked(session)
        )
        sequence = entries.size(session)
    return write_revocations(
        sequence=sequence, issued=moment, revoked=revoked, current=current, key=workspace.notary.passport
    )


def publish(workspace: Workspace, model: str, *, now: datetime | None = None) -> bool:
    """Sign the list, keep it here and with the model; return whether the registry took it.

    A registry that cannot be reached keeps its older list, which verifiers refuse once it is too old; the next move,
    or the next round of the reconciler, publishes again.
    """
    text = signed_list(workspace, now=now)
    file = workspace.notary.revocations_file
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_suffix(".draft")
    draft.write_text(text, encoding="utf-8")
    draft.replace(file)
    try:
        workspace.registry.publish_revocations(model, text)
    except GatekeeperError:
        return False
    return True
