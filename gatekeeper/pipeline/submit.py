"""First stage: read what was proposed, and write it down before anything is judged.

Everything about the proposal that can be wrong without being a verdict is found here: a missing folder or file, rows
that cannot be read, an empty data set, a model nobody has certified. What is left is for the gates.
"""

import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.orm import Session

from audits.ledger.events import Event
from audits.ledger.leaf import label
from audits.ledger.log import append
from gatekeeper.core.errors import UsageError
from gatekeeper.core.spans import span
from gatekeeper.core.update import Provenance, Update, UpdateKind
from gatekeeper.intake.artifact import read_artifact, recognise
from gatekeeper.intake.rows import open_rows, read_training_data
from gatekeeper.pipeline.references import Reference
from gatekeeper.pipeline.succession import note_answer, require_answerable
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import updates


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """What somebody asks to put into production."""

    name: str
    """What people call it."""
    model: str
    """Registered model name."""
    artifact: Path
    """Folder of the adapter or the full weights."""
    data: Path | None
    """Training rows; ``None`` when there are none to show."""
    submitter: str
    """Who proposes."""
    base: Path | None = None
    """Base model of an adapter; by default the champion's."""
    provenance: Provenance = field(default_factory=Provenance)
    answers: str | None = None
    """Id of an update of theirs that was sent back and that this one takes the place of."""


_MODEL_NAME = re.compile(r"[^\s/:@][^/:@]{0,200}")


def require_named(proposal: Proposal) -> None:
    """Return when the proposal's names can be used.

    Raises:
        UsageError: one is empty, or holds a character that addresses of models use.
    """
    if _MODEL_NAME.fullmatch(proposal.model) is None:
        raise UsageError(
            f"{proposal.model!r} cannot be a model's name.", hint="Use words without slash, colon or at sign."
        )
    if not proposal.name.strip():
        raise UsageError("An update needs a name.", hint="Give --name NAME.")


def require_known(workspace: Workspace, person: str) -> None:
    """Return when the person is among the project's people: a proposer nobody knows could be anybody's second name.

    Raises:
        UsageError: they are not.
    """
    if workspace.lookup(person) not in {workspace.lookup(name) for name in workspace.principals}:
        raise UsageError(
            f"{person} is not among this project's people, so they cannot propose an update.",
            hint="Name them in principals.toml, or say who proposes with --as NAME or GATEKEEPER_ACTOR.",
        )


def nothing_beside(session: Session, update: Update) -> None:
    """Do nothing beside writing an update down."""
    del session, update


def submit(
    workspace: Workspace,
    proposal: Proposal,
    champion: Reference | None,
    *,
    within: Callable[[Session, Update], None] = nothing_beside,
) -> Update:
    """Return the update as written down, in state SUBMITTED, on a copy of its own.

    ``within`` is called in the transaction that writes it down; when it raises, there is no update.

    The candidate's files and rows are copied first and everything after looks at the copy: whoever proposes cannot
    show one thing to the gates and leave another behind. The base, which the champion shares, is hashed in place.

    Raises:
        UsageError: a path is missing, or an adapter has no base.
        StateError: the update that it answers was not sent back, is somebody else's, or was answered.
        InputError: the rows cannot be read, or there are none.
    """
    with span("propose") as seen:
        update = _submit(workspace, proposal, champion, within)
        seen.tell(
            update=update.id, kind=update.candidate.kind.value, rows_bytes=update.data.size if update.data else 0
        )
    return update


def _submit(
    workspace: Workspace,
    proposal: Proposal,
    champion: Reference | None,
    within: Callable[[Session, Update], None],
) -> Update:
    base = proposal.base if proposal.base is not None else (champion.artifact.base if champion else None)
    if base is not None and recognise(base) is not UpdateKind.FULL_WEIGHTS:
        raise UsageError(
            f"{base} is no base model: it holds no config.json with weights of its own.",
            hint="Name the folder of the full model that the adapter was trained on with --base.",
        )
    if proposal.answers is not None:
        with workspace.store.reading() as session:
            require_answerable(
                session, proposal.answers, proposal.model, workspace.pseudonym(session, proposal.submitter)
            )
    read_artifact(proposal.artifact, base)  # what is missing or unreadable is said of the proposer's own folder
    update_id = updates.new_update_id()
    kept = workspace.intake_dir / update_id
    kept.mkdir(parents=True)
    shutil.copytree(proposal.artifact, kept / "candidate", symlinks=True)
    candidate = read_artifact(kept / "candidate", base)
    data = None
    if proposal.data is not None:
        for _row in open_rows(proposal.data):  # a line that cannot be read ends here, with its number
            pass
        rows = kept / proposal.data.name
        shutil.copyfile(proposal.data, rows)
        data = read_training_data(rows)
    update = Update(
        id=update_id,
        name=proposal.name,
        model=proposal.model,
        candidate=candidate,
        data=data,
        provenance=proposal.provenance,
    )
    with workspace.store.transaction() as session:
        actor = workspace.remember(session, proposal.submitter)
        if proposal.answers is not None:
            require_answerable(session, proposal.answers, update.model, actor)
        row = updates.add(session, update, submitter=actor, answers=proposal.answers)
        append(
            session,
            type=Event.UPDATE_SUBMITTED,
            actor=actor,
            subject=update.id,
            data={
                "model": label(update.model),
                "update_digest": update.digest,
                "kind": candidate.kind.value,
                "data_digest": data.sha256 if data else None,
            },
        )
        if proposal.answers is not None:
            note_answer(session, proposal.answers, row, actor)
        try:
            within(session, update)
        except BaseException:
            shutil.rmtree(kept, ignore_errors=True)  # nothing refers to the copy
            raise
    return update
