"""The signed revocation list: written anew after every move, every day, and whenever somebody asks."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from audits.passport.binding import instant, written
from audits.passport.revocations import Revoked, place, read_revocations, write_revocations
from gatekeeper.core.errors import GatekeeperError, VerificationError
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import entries, models, promotions, revocations

PUBLISHED_EVERY: Final = timedelta(days=1)
"""How old the list kept with a model may become before it is signed anew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Contents:
    """What a list says, without when it was said."""

    revoked: tuple[Revoked, ...]
    current: Mapping[str, tuple[str, int]]
    sequence: int
    """Size of the ledger: grows with every list."""


def _contents(workspace: Workspace) -> _Contents:
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
        return _Contents(revoked=revoked, current=current, sequence=entries.size(session))


def signed_list(workspace: Workspace, *, now: datetime | None = None) -> str:
    """Return the list as it is now: what was revoked, and where each alias was last moved to."""
    present = _contents(workspace)
    return write_revocations(
        sequence=present.sequence,
        issued=now or datetime.now(UTC),
        revoked=present.revoked,
        current=present.current,
        key=workspace.notary.passport,
    )


def out_of_date(workspace: Workspace, model: str, *, now: datetime | None = None) -> bool:
    """Return whether the list kept with the model has to be published again.

    It has when it is missing, says something else than is true now, is signed by no trusted key, or is older than a
    day, or than half of what verifiers allow where they allow less.

    Raises:
        RegistryError: the registry cannot be asked.
    """
    kept = workspace.registry.revocations(model)
    if kept is None:
        return True
    moment, trust = now or datetime.now(UTC), workspace.notary.trust
    try:
        listed = read_revocations(kept, trust, now=moment)
    except VerificationError:
        return True
    present = _contents(workspace)
    if (listed.revoked, dict(listed.current)) != (present.revoked, dict(present.current)):
        return True
    return moment - instant(listed.issued) >= min(PUBLISHED_EVERY, timedelta(hours=trust.revocation_hours) / 2)


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
