"""Taking a proposal back: only its proposer may, and only before its promotion begins."""

from audits.ledger.events import Event
from audits.ledger.log import append
from gatekeeper.core.errors import NotEntitled
from gatekeeper.core.states import State
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import texts, updates


def withdraw(workspace: Workspace, update_id: str, *, person: str, comment: str = "") -> None:
    """Move the update to WITHDRAWN; a comment is kept beside the record, erasable.

    Raises:
        NotEntitled: this person did not propose it.
        StateError: it is too late.
    """
    with workspace.store.transaction() as session:
        row = updates.require(session, update_id)
        actor = workspace.pseudonym(session, person)
        if actor is None or actor != row.submitter:
            raise NotEntitled(f"{person} did not propose {update_id}.", hint="Reject it instead: gatekeeper reject.")
        left = updates.move(session, update_id, State.WITHDRAWN)
        texts.keep(session, subject=update_id, body=comment)
        append(
            session,
            type=Event.UPDATE_WITHDRAWN,
            actor=actor,
            subject=update_id,
            data={"update_digest": row.manifest_digest, "state": left.value},
        )
