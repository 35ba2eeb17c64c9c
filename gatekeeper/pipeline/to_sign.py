"""What somebody who signs elsewhere has to sign, word for word, for a decision to be taken from them.

Nothing is written and nothing is promised: what is given out here is checked like any other signature when it comes
back, against what is true then. A request that does not exist yet is given an id that nobody has used.
"""

import secrets
from datetime import UTC, datetime

from sqlalchemy.orm import Session

from audits.passport.decision import SignedDecision
from gatekeeper.core.errors import StateError
from gatekeeper.core.states import State
from gatekeeper.pipeline import revoke, rollback
from gatekeeper.pipeline.approve import decision_about
from gatekeeper.pipeline.principal import CHAMPION
from gatekeeper.pipeline.requests import decision_on
from gatekeeper.pipeline.rollback import OPEN_FOR, former
from gatekeeper.pipeline.standing import binding_of, deadline_of
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import promotions, updates
from gatekeeper.store.tables import Decision, UpdateRow
from policies.policy import Policy


def approval(workspace: Workspace, update_id: str, decision: Decision, *, policy: Policy) -> SignedDecision:
    """Return what agreeing to an update's newest run says, or refusing it.

    Raises:
        UsageError: there is no such update.
        StateError: it has no verdict.
    """
    with workspace.store.reading() as session:
        row = updates.require(session, update_id)
        run, _verdict, binding = binding_of(session, row)
        return decision_about(row, run, decision, binding, deadline_of(run, policy))


def going_back(workspace: Workspace, model: str, *, now: datetime | None = None) -> SignedDecision:
    """Return what a rollback of a model says.

    Raises:
        StateError: there is nothing to go back to.
    """
    with workspace.store.reading() as session:
        return _going_back(workspace, session, model, now or datetime.now(UTC))


def revocation(workspace: Workspace, update_id: str, *, now: datetime | None = None) -> tuple[SignedDecision, ...]:
    """Return what revoking an update says; of the live one, first what going back says.

    Raises:
        UsageError: there is no such update.
        StateError: it has no verdict, or there is nothing to go back to.
    """
    moment = now or datetime.now(UTC)
    with workspace.store.reading() as session:
        row = updates.require(session, update_id)
        own = _requested(session, row, revoke.ACTION, moment)
        if row.state is not State.ACTIVE:
            return (own,)
        return (_going_back(workspace, session, row.model, moment), own)


def _going_back(workspace: Workspace, session: Session, model: str, moment: datetime) -> SignedDecision:
    history = promotions.history(session, registry_id=workspace.registry.id, model=model, alias=CHAMPION)
    if not history:
        raise StateError(f"Nothing was ever promoted for {model}.", hint="There is nothing to go back to.")
    return _requested(session, former(session, model, history), rollback.ACTION, moment)


def _requested(session: Session, row: UpdateRow, action: str, moment: datetime) -> SignedDecision:
    run, _verdict, binding = binding_of(session, row)
    return decision_on(
        row,
        binding,
        action=action,
        decision=Decision.APPROVE,
        run=run.id,
        request=f"req-{secrets.token_hex(8)}",
        alias=CHAMPION,
        ends=moment + OPEN_FOR,
    )
