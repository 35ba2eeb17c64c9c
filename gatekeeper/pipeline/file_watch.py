"""Do the versions that are live, or that could be gone back to, still exist and hold the promoted bytes?

Names, sizes and times are compared in every round, without reading a byte. When they changed, when something was
amiss before, and once a day in any case, the bytes themselves are hashed: only they decide.
"""

import dataclasses
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy.orm import Session

from audits.ledger.leaf import label
from gatekeeper.core.errors import InputError, StateError, UsageError, VerificationError
from gatekeeper.intake.stored_files import StoredFile, fingerprint, look_at
from gatekeeper.pipeline.drift import (
    Changes,
    Drift,
    OpenDrift,
    Watch,
    clear_all,
    found,
    keep_watch,
    open_drifts,
)
from gatekeeper.pipeline.principal import CHAMPION
from gatekeeper.pipeline.references import stored_digest
from gatekeeper.pipeline.rollback import former
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.registry.card import BASE_ENTRY, card_of
from gatekeeper.registry.port import CARD_FILE, Card
from gatekeeper.store import models, promotions, updates, watches
from gatekeeper.store.drifts import ClearedBy
from gatekeeper.store.tables import DriftKind, PromotionRow, UpdateRow

HASHED_EVERY: Final = timedelta(days=1)
"""How old the last hash of a version's bytes may be, whatever its files look like."""

AMISS_EVERY: Final = timedelta(minutes=10)
"""How old it may be while the bytes are wrong: without times a storage does not say when they are right again."""


UNREADABLE: Final = "unreadable"
"""What is observed of files that can be no update any more, such as a link that leaves the folder."""

ANOTHER_CARD: Final = "another-card"
"""What is observed of a version whose card says something else than was registered, or is none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """A version whose bytes matter."""

    model: str
    version: str
    card: Card
    """What the application database says that the version holds and stands on."""


def watch_files(workspace: Workspace, model: str, *, moment: datetime) -> Changes:
    """Look at every version of a model that matters, and write down what changed.

    Raises:
        RegistryError: the registry could not be asked; nothing is written down or cleared for the versions after it.
        VerificationError: the application database does not hold what it was given.
    """
    watched = _watched(workspace, model)
    changes = Changes()
    for each in watched:
        changes += _watch(workspace, each, moment)
    versions = {each.version for each in watched}
    idle = [
        each
        for each in open_drifts(workspace, model)
        if each.drift.alias is None and each.drift.version not in versions
    ]
    over = clear_all(workspace, idle, by=ClearedBy.UNWATCHED, moment=moment)
    return changes + Changes(cleared=over)


def _watched(workspace: Workspace, model: str) -> list[Watched]:
    """Return the versions under the protected aliases, and the one that a rollback would go back to."""
    rows: dict[str, UpdateRow] = {}
    with workspace.store.reading() as session:
        for alias in models.protected_aliases(session, model):
            history = promotions.history(session, registry_id=workspace.registry.id, model=model, alias=alias)
            if not history:
                continue
            rows[history[0].version] = updates.require(session, history[0].update_id)
            if alias == CHAMPION and (before := _before(session, model, history)) is not None:
                rows.setdefault(str(before.registered_version), before)
    return [
        Watched(model=model, version=version, card=card_of(updates.as_update(row)))
        for version, row in sorted(rows.items())
    ]


def _before(session: Session, model: str, history: list[PromotionRow]) -> UpdateRow | None:
    try:
        return former(session, model, history)
    except StateError:
        return None


def _watch(workspace: Workspace, each: Watched, moment: datetime) -> Changes:
    lasting = [
        drift
        for drift in open_drifts(workspace, each.model)
        if drift.drift.alias is None and drift.drift.version == each.version
    ]
    seen, watch = _look(workspace, each, lasting, moment)
    known = seen is not None and seen in [drift.drift for drift in lasting]
    new = None
    if seen is not None and not known:
        new = found(workspace, seen, moment=moment, watch=watch)
    elif watch is not None:
        with workspace.store.transaction() as session:
            keep_watch(workspace, session, watch, moment)
    over = [drift for drift in lasting if drift.drift != seen]
    return Changes(
        found=() if new is None else (new,),
        cleared=clear_all(workspace, over, by=ClearedBy.GONE, moment=moment),
    )


def _look(
    workspace: Workspace, each: Watched, lasting: list[OpenDrift], moment: datetime
) -> tuple[Drift | None, Watch | None]:
    """Return what is amiss with a version, and its watch where its bytes were hashed."""
    about = Drift(kind=DriftKind.VERSION_DELETED, model=each.model, version=each.version)
    if not workspace.registry.has_version(each.model, each.version):
        return about, None
    told = workspace.registry.stored_files(each.model, each.version)
    files_changed = dataclasses.replace(about, kind=DriftKind.FILES_CHANGED)
    gone = _gone(each.card, told)
    if gone is not None:
        return dataclasses.replace(files_changed, observed=gone), None
    seen = None if told is None else fingerprint((*told, *_of_base(each.card.base_path)))
    amiss = [drift.drift for drift in lasting]
    if not _due(workspace, each, seen, amiss, moment):
        return next((drift for drift in amiss if _hashed_amiss(drift)), None), None
    watch = Watch(model=each.model, version=each.version, fingerprint=seen)
    try:
        digest = stored_digest(workspace, each.model, each.version, each.card.base_path)
        card = workspace.registry.describe(each.model, each.version).card
    except (InputError, UsageError, VerificationError):
        return dataclasses.replace(files_changed, observed=UNREADABLE), watch
    if digest != each.card.manifest.digest:
        return dataclasses.replace(about, kind=DriftKind.BYTES_CHANGED, observed=digest), watch
    if card != each.card:
        return dataclasses.replace(files_changed, observed=ANOTHER_CARD), watch
    return None, watch


def _due(workspace: Workspace, each: Watched, seen: str | None, amiss: list[Drift], moment: datetime) -> bool:
    """Return whether the bytes have to be hashed now."""
    with workspace.store.reading() as session:
        last = watches.find(session, registry_id=workspace.registry.id, model=each.model, version=each.version)
    if last is None or last.fingerprint != seen:
        return True
    # A version or a file that came back may be another one: only its bytes say.
    if not all(_hashed_amiss(drift) for drift in amiss):
        return True
    return moment - last.hashed >= (AMISS_EVERY if amiss else HASHED_EVERY)


def _hashed_amiss(drift: Drift) -> bool:
    """Return whether a drift was found by hashing, and lasts until the next hash."""
    return drift.kind is DriftKind.BYTES_CHANGED or drift.observed in {UNREADABLE, ANOTHER_CARD}


def _gone(card: Card, told: tuple[StoredFile, ...] | None) -> str | None:
    """Return the name of the first file that is missing, as a leaf may hold it; ``None`` when all are there."""
    if card.base_path is not None and not card.base_path.is_dir():
        return BASE_ENTRY
    if told is None:
        return None
    needed = {CARD_FILE, *(entry.path for entry in card.manifest.entries if entry.path != BASE_ENTRY)}
    missing = sorted(needed - {file.path for file in told})
    return label(missing[0]) if missing else None


def _of_base(base: Path | None) -> list[StoredFile]:
    if base is None:
        return []
    return [dataclasses.replace(file, path=f"{BASE_ENTRY}/{file.path}") for file in look_at(base)]
