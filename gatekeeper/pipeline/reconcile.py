"""Sixth stage: compare registry, database and files, and write down where they have come apart.

One round, in this order: finish what a dead process left, and end what time has ended; look at every protected alias
and at the bytes behind the versions that are live or could be gone back to; write down what came apart and what
agrees again, each with its ledger entry; put aliases back where the policy says so; publish the revocation list where
the registry's is old or other. A model that cannot be looked at is an error of the round: it is neither drift nor the
end of one.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

from sqlalchemy.orm import Session

from audits.ledger.events import Event
from audits.ledger.leaf import label
from audits.ledger.log import append
from audits.passport.binding import instant
from audits.passport.revocations import read_revocations
from gatekeeper.core.errors import GatekeeperError, VerificationError
from gatekeeper.pipeline.judge import ACTOR
from gatekeeper.pipeline.lapse import lapse
from gatekeeper.pipeline.moves import recover
from gatekeeper.pipeline.references import require_approved_bytes
from gatekeeper.pipeline.revocations import publish, signed_list
from gatekeeper.pipeline.stored_bytes import base_folder, look
from gatekeeper.pipeline.turns import turn
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import drifts, models, promotions, revocations, updates
from gatekeeper.store.tables import DriftKind, DriftRow, PromotionRow
from policies.policy import Policy

RESTORED: Final = "restored"
GONE: Final = "gone"
_PUBLISH_AGAIN: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Apart:
    """One place where registry, database and files do not agree."""

    model: str
    kind: DriftKind
    alias: str = ""
    """Empty when it is about a version."""
    version: str = ""
    """What should be there; empty when nothing should."""
    observed: str = ""
    """What was found instead; empty for nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """What one round came to."""

    at: datetime
    lasting: tuple[Apart, ...]
    """Every drift that lasts now, found in this round or before."""
    found: tuple[Apart, ...] = ()
    """New in this round."""
    cleared: int = 0
    """Drifts that were gone."""
    restored: tuple[Apart, ...] = ()
    """Aliases that were put back."""
    hashed: int = 0
    """Versions whose bytes were hashed."""
    errors: tuple[str, ...] = ()
    """Sentences about what could not be looked at, or not be put back."""


@dataclass(slots=True)
class _Work:
    """What a round has gathered so far."""

    apart: list[Apart] = field(default_factory=list)
    looked_at: set[str] = field(default_factory=set)
    """Models that were looked at as a whole."""
    hashed: int = 0
    errors: list[str] = field(default_factory=list)


def reconcile(workspace: Workspace, policy: Policy, *, now: datetime | None = None) -> Round:
    """Do one round and return what it came to.

    Raises:
        GatekeeperError: what was left under way could not be settled, or the database cannot be used.
    """
    moment = now or datetime.now(UTC)
    recover(workspace)
    lapse(workspace, now=moment)
    work = _Work()
    with workspace.store.reading() as session:
        names = models.names(session)
    for model in names:
        try:
            found = list(_look(workspace, model, moment, work))
        except GatekeeperError as error:
            work.errors.append(f"{model}: {error.message}")
            continue
        work.apart += found
        work.looked_at.add(model)
    new, cleared = _write_down(workspace, work, moment)
    restored = _restore(workspace, work, moment) if policy.drift == "restore" else ()
    for model in names:
        _publish(workspace, model, moment, work)
    with workspace.store.reading() as session:
        lasting = tuple(apart_of(row) for row in drifts.lasting(session, registry_id=workspace.registry.id))
    return Round(
        at=moment,
        lasting=lasting,
        found=tuple(new),
        cleared=cleared,
        restored=restored,
        hashed=work.hashed,
        errors=tuple(work.errors),
    )


def _look(workspace: Workspace, model: str, moment: datetime, work: _Work) -> Iterator[Apart]:
    """Give every place where a model's aliases or bytes are not as the last promotions left them."""
    watched: dict[str, None] = {}
    with workspace.store.reading() as session:
        aliases = models.protected_aliases(session, model)
    for alias in aliases:
        seen, last = _alias(workspace, model, alias)
        if last is not None:
            watched |= dict.fromkeys(each for each in (last.version, last.expected_previous) if each)
        expected = None if last is None else last.version
        if seen is not _UNDER_WAY and seen != expected:
            kind = DriftKind.ALIAS_MISSING if seen is None else DriftKind.ALIAS_MOVED
            yield Apart(model=model, kind=kind, alias=alias, version=expected or "", observed=str(seen or ""))
    for version in watched:
        if not workspace.registry.has_version(model, version):
            yield Apart(model=model, kind=DriftKind.VERSION_DELETED, version=version)
            continue
        looked = look(workspace, model, version, now=moment, base=base_folder(workspace, model, version))
        work.hashed += looked.hashed
        if looked.drift is not None:
            yield Apart(model=model, kind=looked.drift, version=version)


_UNDER_WAY: Final = object()


def _alias(workspace: Workspace, model: str, alias: str) -> tuple[object, PromotionRow | None]:
    """Return where an alias points, and the last observed move of it that this can be compared with.

    A move of ours that is under way, or that was made between the two looks, is no drift: then the first is
    :data:`_UNDER_WAY`.
    """
    before = _last(workspace, model, alias)
    seen = workspace.registry.alias_version(model, alias)
    after = _last(workspace, model, alias)
    if before[1] or after[1] or (before[0] and before[0].id) != (after[0] and after[0].id):
        return _UNDER_WAY, after[0]
    return seen, after[0]


def _last(workspace: Workspace, model: str, alias: str) -> tuple[PromotionRow | None, bool]:
    registry_id = workspace.registry.id
    with workspace.store.reading() as session:
        moving = promotions.under_way(session, registry_id=registry_id, model=model, alias=alias)
        return promotions.last_observed(session, registry_id=registry_id, model=model, alias=alias), moving is not None


def _write_down(workspace: Workspace, work: _Work, moment: datetime) -> tuple[list[Apart], int]:
    """Record what is new, and what is gone, of the models that were looked at as a whole."""
    with workspace.store.transaction() as session:
        known = {
            apart_of(row): row
            for row in drifts.lasting(session, registry_id=workspace.registry.id)
            if row.model in work.looked_at
        }
        present = set(work.apart)
        gone = [row for apart, row in known.items() if apart not in present]
        for row in gone:
            _clear(session, row, by=GONE, moment=moment)
        new = sorted(present - set(known))
        for apart in new:
            _find(workspace, session, apart, moment)
        return new, len(gone)


def _find(workspace: Workspace, session: Session, apart: Apart, moment: datetime) -> None:
    about = {"alias": apart.alias or None, "version": apart.version or None, "observed": apart.observed or None}
    row = drifts.find(
        session, kind=apart.kind, registry_id=workspace.registry.id, model=apart.model, now=moment, **about
    )
    append(
        session,
        type=Event.DRIFT_FOUND,
        actor=ACTOR,
        subject=row.id,
        data={
            "kind": apart.kind.value,
            "registry": row.registry_id,
            "model": label(apart.model),
            **{key: None if value is None else label(value) for key, value in about.items()},
        },
    )


def _clear(session: Session, row: DriftRow, *, by: str, moment: datetime) -> None:
    drifts.clear(session, row.id, by=by, now=moment)
    append(session, type=Event.DRIFT_CLEARED, actor=ACTOR, subject=row.id, data={"by": by})


def _restore(workspace: Workspace, work: _Work, moment: datetime) -> tuple[Apart, ...]:
    """Put every alias back that was moved or removed, where the promoted bytes are still there."""
    done = []
    for apart in work.apart:
        if apart.kind not in (DriftKind.ALIAS_MOVED, DriftKind.ALIAS_MISSING) or not apart.version:
            continue
        with turn(workspace.lock_file) as mine:
            if not mine:
                continue
            try:
                _put_back(workspace, apart)
            except GatekeeperError as error:
                work.errors.append(f"{apart.model}@{apart.alias} was not put back: {error.message}")
                continue
        with workspace.store.transaction() as session:
            for row in drifts.lasting(session, registry_id=workspace.registry.id, model=apart.model):
                if apart_of(row) == apart:
                    _clear(session, row, by=RESTORED, moment=moment)
        done.append(apart)
    return tuple(done)


def _put_back(workspace: Workspace, apart: Apart) -> None:
    """Move an alias back to where the last promotion left it, with that promotion's passport.

    Raises:
        VerificationError: the bytes are not the promoted ones, or were revoked.
        PromotionConflict, RegistryError: the alias moved again, or the registry refuses.
    """
    last, moving = _last(workspace, apart.model, apart.alias)
    if moving or last is None or last.version != apart.version:
        raise VerificationError("A promotion came between.")
    require_approved_bytes(workspace, last)
    with workspace.store.reading() as session:
        digest = updates.require(session, last.update_id).manifest_digest
        if revocations.find(session, digest) is not None:
            raise VerificationError("The bytes that the last promotion left there were revoked.")
    if last.passport is not None:
        workspace.registry.attach_passport(last.model, last.version, last.alias, last.passport)
    workspace.registry.move_alias(apart.model, apart.alias, apart.version, expected_previous=apart.observed or None)


def _publish(workspace: Workspace, model: str, moment: datetime, work: _Work) -> None:
    """Publish the revocation list where the registry's is missing, old, or says something else."""
    with workspace.store.reading() as session:
        moved = any(
            promotions.last_observed(session, registry_id=workspace.registry.id, model=model, alias=alias)
            for alias in models.protected_aliases(session, model)
        )
    if not moved:
        return
    trust = workspace.notary.trust
    try:
        kept = workspace.registry.revocations(model)
        mine = read_revocations(signed_list(workspace, now=moment), trust, now=moment)
        try:
            theirs = read_revocations(kept or "", trust, now=moment)
            fresh = moment - instant(theirs.issued) < _PUBLISH_AGAIN
            if fresh and (theirs.revoked, dict(theirs.current)) == (mine.revoked, dict(mine.current)):
                return
        except VerificationError:
            pass
        if not publish(workspace, model, now=moment):
            work.errors.append(f"{model}: the registry did not take the revocation list.")
    except GatekeeperError as error:
        work.errors.append(f"{model}: {error.message}")


def apart_of(row: DriftRow) -> Apart:
    """Return what a row says of a drift."""
    return Apart(
        model=row.model,
        kind=row.kind,
        alias=row.alias or "",
        version=row.version or "",
        observed=row.observed or "",
    )
