"""Updates: written down, found again, and moved from state to state.

A move is checked against the table of allowed moves and made with a condition on the state it started from, so that
of two processes that move the same update only one succeeds.
"""

import dataclasses
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from pydantic import TypeAdapter, ValidationError
from sqlalchemy import bindparam, select, update
from sqlalchemy.orm import Session
from sqlalchemy.orm.attributes import set_committed_value
from sqlalchemy.orm.util import identity_key

from gatekeeper.core.digests import Digest, plain
from gatekeeper.core.errors import StateError, StoreError, UsageError, VerificationError
from gatekeeper.core.states import State, require_move
from gatekeeper.core.update import Artifact, Manifest, Provenance, TrainingData, Update
from gatekeeper.store.models import ensure_model
from gatekeeper.store.tables import UpdateRow, table_of

_MANIFEST: TypeAdapter[Manifest] = TypeAdapter(Manifest)
_PROVENANCE: TypeAdapter[Provenance] = TypeAdapter(Provenance)

# Made once, as what is asked at every change: making a statement takes longer than carrying it out.
_TABLE: Final = table_of(UpdateRow)
_BY_ID: Final = select(UpdateRow).where(UpdateRow.id == bindparam("id"))
_ANSWER: Final = (
    select(UpdateRow)
    .where(UpdateRow.answers == bindparam("answered"))
    .order_by(UpdateRow.created.desc(), UpdateRow.id)
    .limit(1)
)
_SEEN: Final = select(_TABLE.c.state, _TABLE.c.revision).where(_TABLE.c.id == bindparam("id"))
_MOVED: Final = (
    update(_TABLE)
    .where(
        _TABLE.c.id == bindparam("which"),
        _TABLE.c.state == bindparam("before"),
        _TABLE.c.revision == bindparam("seen"),
    )
    .values(state=bindparam("to"), revision=bindparam("seen") + 1, updated=bindparam("now"))
    .returning(_TABLE.c.id)
)


def new_update_id() -> str:
    """Return an id nobody has used."""
    return f"upd-{secrets.token_hex(8)}"


def add(
    session: Session, proposed: Update, *, submitter: str, answers: str | None = None, now: datetime | None = None
) -> UpdateRow:
    """Write down a proposed update as SUBMITTED.

    Args:
        session: the caller's transaction.
        proposed: the update, with an id nobody has used.
        submitter: pseudonym of who proposed it.
        answers: the update that was sent back and that this one takes the place of.
        now: the present moment, for tests.
    """
    ensure_model(session, proposed.model)
    moment = now or datetime.now(UTC)
    candidate, data = proposed.candidate, proposed.data
    row = UpdateRow(
        id=proposed.id,
        name=proposed.name,
        model=proposed.model,
        kind=candidate.kind,
        manifest_digest=candidate.manifest.digest,
        manifest=plain(candidate.manifest),
        artifact_path=str(candidate.path),
        base_path=None if candidate.base is None else str(candidate.base),
        data_path=None if data is None else str(data.path),
        data_digest=None if data is None else data.sha256,
        data_size=None if data is None else data.size,
        provenance=plain(proposed.provenance),
        submitter=submitter,
        champion_version=None,
        champion_digest=None,
        registered_version=None,
        answers=answers,
        state=State.SUBMITTED,
        revision=1,
        created=moment,
        updated=moment,
    )
    session.add(row)
    session.flush()
    return row


def find(session: Session, update_id: str) -> UpdateRow | None:
    """Return the update of that id, or ``None``."""
    return session.scalars(_BY_ID, {"id": update_id}).one_or_none()


def require(session: Session, update_id: str) -> UpdateRow:
    """Return the update of that id.

    Raises:
        UsageError: there is none.
    """
    row = find(session, update_id)
    if row is None:
        raise UsageError(f"There is no update {update_id}.", hint="`gatekeeper status` lists them.")
    return row


def answer_to(session: Session, update_id: str) -> UpdateRow | None:
    """Return the newest update that takes the place of this one, which was sent back; ``None`` without one."""
    return session.scalars(_ANSWER, {"answered": update_id}).first()


def latest(session: Session, *, model: str | None = None, limit: int = 50) -> list[UpdateRow]:
    """Return the newest updates first, of one model or of all."""
    query = select(UpdateRow).order_by(UpdateRow.created.desc(), UpdateRow.id).limit(limit)
    return list(session.scalars(query if model is None else query.where(UpdateRow.model == model)))


def in_state(session: Session, state: State, *, model: str | None = None) -> list[UpdateRow]:
    """Return the updates in one state, oldest first."""
    query = select(UpdateRow).where(UpdateRow.state == state).order_by(UpdateRow.updated, UpdateRow.id)
    return list(session.scalars(query if model is None else query.where(UpdateRow.model == model)))


def with_digest(session: Session, model: str, digest: Digest) -> list[UpdateRow]:
    """Return every proposal of exactly these bytes for this model, oldest first."""
    query = select(UpdateRow).where(UpdateRow.model == model, UpdateRow.manifest_digest == digest)
    return list(session.scalars(query.order_by(UpdateRow.created, UpdateRow.id)))


def with_version(session: Session, model: str, version: str) -> list[UpdateRow]:
    """Return the updates whose bytes the registry keeps as this version, oldest first."""
    query = select(UpdateRow).where(UpdateRow.model == model, UpdateRow.registered_version == version)
    return list(session.scalars(query.order_by(UpdateRow.created, UpdateRow.id)))


def trained(session: Session) -> list[UpdateRow]:
    """Return the updates that name who trained them, oldest first."""
    query = select(UpdateRow).order_by(UpdateRow.created, UpdateRow.id)
    return [row for row in session.scalars(query) if trainer(row)]


def trainer(row: UpdateRow) -> str:
    """Return who trained an update, as its proposer said; empty when nobody is named."""
    provenance = row.provenance if isinstance(row.provenance, dict) else {}
    return str(provenance.get("trainer") or "")


def rename_trainer(session: Session, update_id: str, to: str) -> None:
    """Put something else where an update names who trained it."""
    row = require(session, update_id)
    known = row.provenance if isinstance(row.provenance, dict) else {}
    row.provenance = {**known, "trainer": to}
    session.flush()


def compared_with(session: Session, update_id: str, *, version: str | None, digest: Digest | None) -> None:
    """Write down which champion an evaluation compares the update with; ``None`` when there is none."""
    row = require(session, update_id)
    row.champion_version, row.champion_digest = version, digest
    session.flush()


def registered_as(session: Session, update_id: str, version: str) -> None:
    """Write down which registered version holds the update's bytes."""
    require(session, update_id).registered_version = version
    session.flush()


def move(
    session: Session, update_id: str, to: State, *, revision: int | None = None, now: datetime | None = None
) -> State:
    """Move the update to another state and return the one it left.

    Args:
        session: the caller's transaction.
        update_id: which update.
        to: the state it becomes.
        revision: when given, the move is refused unless the row still has this revision.
        now: the present moment, for tests.

    Raises:
        StateError: the move is not allowed, or someone else moved the update meanwhile.
        UsageError: there is no such update.
    """
    session.flush()
    seen = session.execute(_SEEN, {"id": update_id}).one_or_none()
    if seen is None:
        raise UsageError(f"There is no update {update_id}.", hint="`gatekeeper status` lists them.")
    if revision is not None and seen.revision != revision:
        raise _moved_meanwhile(update_id)
    require_move(seen.state, to)
    changed = {"to": to, "now": now or datetime.now(UTC)}
    found = {"which": update_id, "before": seen.state, "seen": seen.revision}
    if session.execute(_MOVED, {**changed, **found}).first() is None:
        raise _moved_meanwhile(update_id)
    row = session.identity_map.get(identity_key(UpdateRow, update_id))
    if row is not None:
        for name, value in (("state", to), ("revision", seen.revision + 1), ("updated", changed["now"])):
            set_committed_value(row, name, value)
    left: State = seen.state
    return left


def as_update(row: UpdateRow) -> Update:
    """Return the frozen update a row was written from.

    Raises:
        StoreError: the row does not have the shape of an update.
        VerificationError: its manifest is not the one its digest names.
    """
    try:
        manifest = _MANIFEST.validate_python(row.manifest)
        provenance = _PROVENANCE.validate_python(row.provenance)
    except ValidationError as error:
        raise StoreError(
            f"The stored update {row.id} does not have the shape of an update.",
            hint="Someone changed the application database: restore it from a copy.",
        ) from error
    if manifest.digest != row.manifest_digest:
        raise VerificationError(
            f"The stored manifest of update {row.id} is not the one that was submitted.",
            hint="Someone changed the application database: run `gatekeeper ledger verify`.",
        )
    data = None
    if row.data_path is not None and row.data_digest is not None and row.data_size is not None:
        data = TrainingData(path=Path(row.data_path), sha256=Digest(row.data_digest), size=row.data_size)
    candidate = Artifact(
        path=Path(row.artifact_path),
        base=None if row.base_path is None else Path(row.base_path),
        kind=row.kind,
        manifest=dataclasses.replace(manifest, entries=tuple(sorted(manifest.entries))),
    )
    return Update(id=row.id, name=row.name, model=row.model, candidate=candidate, data=data, provenance=provenance)


def _moved_meanwhile(update_id: str) -> StateError:
    return StateError(
        f"Update {update_id} was moved by someone else meanwhile.", hint="Look at it again with `gatekeeper status`."
    )
