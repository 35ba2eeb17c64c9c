"""First stage: read what was proposed, and write it down before anything is judged.

Everything about the proposal that can be wrong without being a verdict is found here: a missing folder or file, rows
that cannot be read, an empty data set, a model nobody has certified. What is left is for the gates.
"""

from dataclasses import dataclass, field
from pathlib import Path

from audits.ledger.events import Event
from audits.ledger.leaf import label
from audits.ledger.log import append
from gatekeeper.core.errors import UsageError
from gatekeeper.core.update import Provenance, Update
from gatekeeper.intake.artifact import read_artifact
from gatekeeper.intake.rows import open_rows, read_training_data
from gatekeeper.pipeline.references import Reference
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


def submit(workspace: Workspace, proposal: Proposal, champion: Reference | None) -> Update:
    """Return the update as written down, in state SUBMITTED.

    Raises:
        UsageError: a path is missing, or an adapter has no base.
        InputError: the rows cannot be read, or there are none.
    """
    if not proposal.name.strip() or not proposal.model.strip():
        raise UsageError("An update needs a name and a model.", hint="Give --model NAME.")
    base = proposal.base if proposal.base is not None else (champion.artifact.base if champion else None)
    candidate = read_artifact(proposal.artifact, base)
    data = None
    if proposal.data is not None:
        data = read_training_data(proposal.data)
        for _row in open_rows(proposal.data):  # a line that cannot be read ends here, with its number
            pass
    update = Update(
        id=updates.new_update_id(),
        name=proposal.name,
        model=proposal.model,
        candidate=candidate,
        data=data,
        provenance=proposal.provenance,
    )
    with workspace.store.transaction() as session:
        actor = workspace.remember(session, proposal.submitter)
        updates.add(session, update, submitter=actor)
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
    return update
