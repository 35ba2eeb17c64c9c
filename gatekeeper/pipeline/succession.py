"""An update that was sent back, and the one that its proposer proposes in its place.

The former one stays what it was: nobody can approve it any more. The link stands in both and in the ledger.
"""

from typing import Final

from sqlalchemy.orm import Session

from audits.ledger.events import Event
from audits.ledger.log import append
from gatekeeper.core.errors import NotEntitled, StateError
from gatekeeper.core.states import State
from gatekeeper.store import updates
from gatekeeper.store.tables import UpdateRow

_CAME_TO_NOTHING: Final = frozenset(
    {State.BLOCKED, State.ERRORED, State.REJECTED, State.EXPIRED, State.WITHDRAWN, State.STALE}
)
"""States of an answer after which there may be another one."""


def require_answerable(session: Session, update_id: str, model: str, proposer: str | None) -> UpdateRow:
    """Return the update that was sent back, when this proposer may propose another in its place.

    Args:
        session: reads.
        update_id: the one that was sent back.
        model: that the new one is proposed for.
        proposer: pseudonym.

    Raises:
        UsageError: there is no such update.
        NotEntitled: somebody else proposed it.
        StateError: it was not sent back, is about another model, or was answered.
    """
    row = updates.require(session, update_id)
    if row.submitter != proposer:
        raise NotEntitled(f"Somebody else proposed {update_id}.", hint="Its proposer answers it.")
    if row.state is not State.CHANGES_REQUESTED:
        raise StateError(
            f"Update {update_id} is {row.state}: nobody asked for changes.", hint="Propose without naming it."
        )
    if row.model != model:
        raise StateError(f"Update {update_id} is about {row.model}.", hint="Answer it for the same model.")
    given = updates.answer_to(session, update_id)
    if given is not None and given.state not in _CAME_TO_NOTHING:
        answer = given.id if given.state is not State.CHANGES_REQUESTED else f"{given.id}, which was sent back as well"
        raise StateError(f"Update {update_id} was answered by {answer}.", hint="Withdraw or answer that one.")
    return row


def note_answer(session: Session, former: str, row: UpdateRow, actor: str) -> None:
    """Write into the ledger which update takes the place of one that was sent back."""
    append(
        session,
        type=Event.UPDATE_ANSWERED,
        actor=actor,
        subject=former,
        data={
            "update_digest": updates.require(session, former).manifest_digest,
            "by": row.id,
            "by_digest": row.manifest_digest,
        },
    )
