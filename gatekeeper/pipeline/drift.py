"""One way in which registry, database and files came apart, written down when it is found and when it is over.

Each is one row and two entries of the ledger, however many rounds see it. Row and entry stand in one transaction.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from audits.ledger.events import Event
from audits.ledger.leaf import label
from audits.ledger.log import append
from gatekeeper.pipeline.principal import ACTOR
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import drifts, promotions, watches
from gatekeeper.store.drifts import ClearedBy
from gatekeeper.store.tables import DriftKind, DriftRow, PromotionRow

OF_ALIASES = frozenset({DriftKind.ALIAS_MOVED, DriftKind.ALIAS_MISSING})


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """What came apart. Two that are equal are the same one."""

    kind: DriftKind
    model: str
    alias: str | None = None
    """``None`` where it is about a version's files."""
    version: str | None = None
    """The version it is about: of an alias, the one the last observed promotion left it at."""
    observed: str | None = None
    """What was found instead: a version, a digest, the name of a file that is gone, or in a word what is wrong."""

    def __str__(self) -> str:
        """Return it as one sentence."""
        was = f"version {self.version}" if self.version else "none"
        match self.kind:
            case DriftKind.ALIAS_MOVED:
                return f"{self.model}@{self.alias} points to version {self.observed}; promoted was {was}."
            case DriftKind.ALIAS_MISSING:
                return f"{self.model}@{self.alias} is gone; promoted was {was}."
            case DriftKind.VERSION_DELETED:
                return f"Version {self.version} of {self.model} was deleted."
            case DriftKind.FILES_CHANGED:
                return f"Version {self.version} of {self.model} is not stored as it was registered: {self.observed}."
            case DriftKind.BYTES_CHANGED:
                return f"Version {self.version} of {self.model} does not hold the promoted bytes any more."


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenDrift:
    """A drift that lasts."""

    id: str
    drift: Drift
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """A version whose bytes were just hashed."""

    model: str
    version: str
    fingerprint: str | None
    """Of its files, taken before their bytes were read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """What a look changed in the record."""

    found: tuple[OpenDrift, ...] = ()
    cleared: tuple[OpenDrift, ...] = ()

    def __add__(self, other: "Changes") -> "Changes":
        """Return both."""
        return Changes(found=self.found + other.found, cleared=self.cleared + other.cleared)


def open_drifts(workspace: Workspace, model: str | None = None) -> tuple[OpenDrift, ...]:
    """Return every drift that lasts, oldest first; of one model where it is named."""
    with workspace.store.reading() as session:
        rows = drifts.all_open(
            session, registry_id=workspace.registry.id, models=None if model is None else frozenset({model})
        )
    return tuple(_lasting(row) for row in rows)


def found(workspace: Workspace, drift: Drift, *, moment: datetime, watch: Watch | None = None) -> OpenDrift | None:
    """Write a drift down with its entry, unless it is written down already; return it when it was new.

    An alias that one of our own promotions has moved since it was read is no drift: the promotions are read again in
    the transaction that would write it down.
    """
    with workspace.store.transaction() as session:
        if watch is not None:
            keep_watch(workspace, session, watch, moment)
        if _known(workspace, session, drift) is not None or _moved_by_us(workspace, session, drift):
            return None
        row = drifts.add(
            session,
            kind=drift.kind,
            registry_id=workspace.registry.id,
            model=drift.model,
            alias=drift.alias,
            version=drift.version,
            observed=drift.observed,
            now=moment,
        )
        append(
            session,
            type=Event.DRIFT_FOUND,
            actor=ACTOR,
            subject=row.id,
            data={
                "kind": drift.kind.value,
                "registry": workspace.registry.id,
                "model": label(drift.model),
                "alias": drift.alias,
                "version": drift.version,
                "observed": None if drift.observed is None else label(drift.observed),
            },
        )
    return _lasting(row)


def cleared(workspace: Workspace, lasting: OpenDrift, *, by: ClearedBy, moment: datetime) -> bool:
    """Write down that a drift is over, with its entry; return whether it still lasted."""
    with workspace.store.transaction() as session:
        row = _known(workspace, session, lasting.drift)
        if row is None or row.id != lasting.id:
            return False
        drifts.clear(session, row.id, by=by, now=moment)
        append(session, type=Event.DRIFT_CLEARED, actor=ACTOR, subject=row.id, data={"by": by.value})
    return True


def clear_all(
    workspace: Workspace, over: Collection[OpenDrift], *, by: ClearedBy, moment: datetime
) -> tuple[OpenDrift, ...]:
    """Write down that these are over; return those that still lasted."""
    return tuple(each for each in over if cleared(workspace, each, by=by, moment=moment))


def keep_watch(workspace: Workspace, session: Session, watch: Watch, moment: datetime) -> None:
    """Write down that a version's bytes were hashed."""
    watches.hashed(
        session,
        registry_id=workspace.registry.id,
        model=watch.model,
        version=watch.version,
        fingerprint=watch.fingerprint,
        now=moment,
    )


def promoted_to(workspace: Workspace, session: Session, model: str, alias: str) -> tuple[bool, PromotionRow | None]:
    """Return whether a move of the alias is under way, and the last one that was observed."""
    where = {"registry_id": workspace.registry.id, "model": model, "alias": alias}
    return promotions.under_way(session, **where) is not None, promotions.last_observed(session, **where)


def _moved_by_us(workspace: Workspace, session: Session, drift: Drift) -> bool:
    if drift.alias is None:
        return False
    busy, last = promoted_to(workspace, session, drift.model, drift.alias)
    return busy or (last.version if last else None) != drift.version


def _known(workspace: Workspace, session: Session, drift: Drift) -> DriftRow | None:
    return drifts.find_open(
        session,
        kind=drift.kind,
        registry_id=workspace.registry.id,
        model=drift.model,
        alias=drift.alias,
        version=drift.version,
        observed=drift.observed,
    )


def _lasting(row: DriftRow) -> OpenDrift:
    return OpenDrift(
        id=row.id,
        drift=Drift(kind=row.kind, model=row.model, alias=row.alias, version=row.version, observed=row.observed),
        since=row.found,
    )
