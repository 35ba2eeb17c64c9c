"""Which part a person played in an update."""

from sqlalchemy.orm import Session

from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import updates
from gatekeeper.store.tables import UpdateRow


def part_in(workspace: Workspace, session: Session, row: UpdateRow, person: str) -> str | None:
    """Return which part a person played in an update, ``proposed`` or ``trained``; ``None`` without one."""
    if workspace.pseudonym(session, person) == row.submitter:
        return "proposed"
    trainer = updates.trainer(row)
    return "trained" if trainer.strip() and workspace.lookup(trainer) == workspace.lookup(person) else None
