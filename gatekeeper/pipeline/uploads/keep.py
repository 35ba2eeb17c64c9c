"""An upload is taken in, looked at, placed under its digest, and removed again.

Checked in this order: its bytes are those that were announced; its person holds not too much already; it is what its
kind asks for (:mod:`gatekeeper.intake.archives`). Only then it gets a place, a row and a ledger entry. Uploads belong
to who sent them; the bytes lie there once, until the last of them is removed or its time is over.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.orm import Session

from audits.ledger.events import Event
from audits.ledger.log import append
from gatekeeper.core.digests import Digest
from gatekeeper.core.errors import InputError, StateError, UsageError, VerificationError
from gatekeeper.gates.artifact.format import listed
from gatekeeper.intake.archives import Unpacked, require_plain, unpack
from gatekeeper.intake.rows import open_rows
from gatekeeper.pipeline.principal import ACTOR
from gatekeeper.pipeline.submit import require_known
from gatekeeper.pipeline.uploads.depot import FORMATS, Depot, Draft
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import uploads
from gatekeeper.store.tables import UploadFormat, UploadKind, UploadRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Announced:
    """What somebody said they would send."""

    digest: Digest
    kind: UploadKind
    packed: UploadFormat


def require_room(workspace: Workspace, depot: Depot, person: str, *, more: int = 0) -> None:
    """Return when a person may leave another upload.

    Raises:
        StateError: they hold too many, or too much.
    """
    with workspace.store.reading() as session:
        holder = workspace.pseudonym(session, person)
        held = [] if holder is None else uploads.of_holder(session, holder)
    if len(held) >= depot.most_uploads or sum(row.unpacked for row in held) + more > depot.most_held:
        raise StateError(
            f"{person} holds {len(held)} uploads, which is as much as one person may.",
            hint="Propose them, remove some, or wait until their time is over.",
        )


def keep(
    workspace: Workspace,
    depot: Depot,
    draft: Draft,
    announced: Announced,
    *,
    person: str,
    now: datetime | None = None,
) -> UploadRow:
    """Take an upload in, and return what is known of it; the same by the same person is kept once, for longer.

    Raises:
        UsageError: its kind is not packed that way, or nobody knows the person.
        VerificationError: the bytes are not those that were announced.
        StateError: the person holds too much, or sent the same bytes as something else.
        InputError: something about its contents is not as it has to be.
    """
    moment = now or datetime.now(UTC)
    require_known(workspace, person)
    if announced.packed not in FORMATS[announced.kind]:
        allowed = ", ".join(each.value for each in FORMATS[announced.kind])
        raise UsageError(f"An upload of {announced.kind.value} is packed as {allowed}.", hint="Pack it so.")
    if draft.finish() != announced.digest:
        raise VerificationError("What arrived is not what was announced: the digests differ.", hint="Send it again.")
    sweep(workspace, depot, now=moment)
    made = _looked_at(depot, draft, announced)
    with depot.held(alone=True), workspace.store.transaction() as session:
        actor = workspace.remember(session, person)
        known = uploads.find(session, actor, announced.digest)
        if known is not None:
            if (known.kind, known.format) != (announced.kind, announced.packed):
                raise StateError("These bytes were sent as something else.", hint="Remove that upload first.")
            known.expires = moment + depot.lasts
            session.flush()
            return known
        require_room(workspace, depot, person, more=made.size)
        placed = _placed(depot, draft, announced)
        try:
            return _write_down(session, depot, announced, made, actor=actor, size=draft.size, moment=moment)
        except BaseException:
            if placed:
                depot.discard(depot.place(announced.digest))
            raise


def remove(workspace: Workspace, depot: Depot, digest: str, *, person: str) -> None:
    """Take one's own upload away; no file of it stays, unless somebody else sent the same.

    Raises:
        UsageError: this person has no such upload.
    """
    with depot.held(alone=True):
        with workspace.store.transaction() as session:
            actor = workspace.pseudonym(session, person)
            row = None if actor is None else uploads.find(session, actor, digest)
            if row is None or actor is None:
                raise UsageError(f"{person} has no such upload.", hint="GET /v1/uploads lists them.")
            _forget(session, row, actor=actor, why="asked")
            last = not uploads.of_digest(session, digest)
        if last:
            depot.discard(depot.place(digest))


def sweep(workspace: Workspace, depot: Depot, *, now: datetime | None = None) -> tuple[str, ...]:
    """Remove every upload whose time is over, and what dead processes left; return their digests."""
    moment = now or datetime.now(UTC)
    depot.clear(now=moment)
    with workspace.store.reading() as session:
        if not uploads.expired(session, moment):
            return ()
    with depot.held(alone=True):
        with workspace.store.transaction() as session:
            over = uploads.expired(session, moment)
            digests = sorted({row.digest for row in over})
            for row in over:
                _forget(session, row, actor=ACTOR, why="expired")
            last = [digest for digest in digests if not uploads.of_digest(session, digest)]
        for digest in last:
            depot.discard(depot.place(digest))
    return tuple(digests)


def found(workspace: Workspace, depot: Depot, digest: str, kind: UploadKind, *, person: str) -> Path:
    """Return the folder or file of one's own upload; whoever reads it holds the depot.

    Raises:
        UsageError: this person has no such upload of this kind.
    """
    with workspace.store.reading() as session:
        actor = workspace.pseudonym(session, person)
        row = None if actor is None else uploads.find(session, actor, digest)
    path = None if row is None else depot.content(row.digest, row.kind, row.format)
    if row is None or path is None or row.kind is not kind or row.expires <= datetime.now(UTC) or not path.exists():
        raise UsageError(f"{person} has no upload of {kind.value} of that digest.", hint="Send it first.")
    return path


def _looked_at(depot: Depot, draft: Draft, announced: Announced) -> Unpacked:
    """Unpack, or read the first row, beside the draft; nothing of it has a name that anybody could use."""
    made = draft.folder / "made"
    if announced.kind is UploadKind.ARTIFACT:
        made.mkdir()
        return unpack(draft.file, announced.packed.value, made / "artifact", limits=depot.archive, allowed=listed)
    made.mkdir()
    rows = made / f"rows.{announced.packed.value}"
    draft.file.rename(rows)
    require_plain(rows, rows.name)
    try:
        open_rows(rows)
    except UsageError as error:
        raise InputError(f"The rows cannot be read: {error.message}", hint=error.hint) from error
    return Unpacked(files=1, size=rows.stat().st_size)


def _placed(depot: Depot, draft: Draft, announced: Announced) -> bool:
    """Give the upload its place; return whether it had none, because nobody else sent the same."""
    place = depot.place(announced.digest)
    if place.exists():
        if depot.content(announced.digest, announced.kind, announced.packed).exists():
            return False
        raise StateError("These bytes were sent as something else.", hint="Pack it again, or ask whoever sent them.")
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    (draft.folder / "made").rename(place)
    return True


def _write_down(
    session: Session,
    depot: Depot,
    announced: Announced,
    made: Unpacked,
    *,
    actor: str,
    size: int,
    moment: datetime,
) -> UploadRow:
    row = uploads.add(
        session,
        holder=actor,
        digest=announced.digest,
        kind=announced.kind,
        packed=announced.packed,
        size=size,
        unpacked=made.size,
        files=made.files,
        uploaded=moment,
        expires=moment + depot.lasts,
    )
    append(
        session,
        type=Event.UPLOAD_KEPT,
        actor=actor,
        subject=announced.digest,
        data={"kind": announced.kind.value, "format": announced.packed.value, "size": size, "files": made.files},
    )
    return row


def _forget(session: Session, row: UploadRow, *, actor: str, why: str) -> None:
    uploads.remove(session, row)
    append(
        session,
        type=Event.UPLOAD_REMOVED,
        actor=actor,
        subject=row.digest,
        data={"kind": row.kind.value, "why": why},
    )
