"""What somebody who signs elsewhere has to sign, word for word, for a decision to be taken from them.

Nothing is written and nothing is promised: what is given out here is checked like any other signature when it comes
back, against what is true then. A request that does not exist yet is given an id that nobody has used.
"""

import secrets
from datetime import UTC, datetime, timedelta

from sqlalchemy.orm import Session

from audits.passport.decision import SignedDecision
from gatekeeper.core.errors import StateError
from gatekeeper.core.states import State
from gatekeeper.pipeline import revoke, rollback
from gatekeeper.pipeline.approve import decision_about
from gatekeeper.pipeline.break_glass import WAY_BACK_FOR, broken_by, require_way_back, way_back_of
from gatekeeper.pipeline.parts import part_in
from gatekeeper.pipeline.principal import ANCHOR, CHAMPION
from gatekeeper.pipeline.requests import decision_on
from gatekeeper.pipeline.rollback import OPEN_FOR, former
from gatekeeper.pipeline.standing import binding_of, deadline_of
from gatekeeper.pipeline.waivers.give import longest, require_acceptable, waiver_about
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import promotions, requests, updates
from gatekeeper.store.tables import Decision, PromotionKind, RequestRow, RequestState, UpdateRow
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
        own = _requested(session, row, revoke.ACTION, moment + OPEN_FOR)
        if row.state is not State.ACTIVE:
            return (own,)
        return (_going_back(workspace, session, row.model, moment), own)


def anchoring(workspace: Workspace, update_id: str, *, policy: Policy, now: datetime | None = None) -> SignedDecision:
    """Return what asking to make an update the anchor says.

    Raises:
        UsageError: there is no such update.
        StateError: it has no verdict.
    """
    ends = (now or datetime.now(UTC)) + timedelta(hours=policy.approvals.expires_hours)
    with workspace.store.reading() as session:
        row = updates.require(session, update_id)
        return _requested(session, row, PromotionKind.ANCHOR.value, ends, alias=ANCHOR)


def breaking(
    workspace: Workspace, update_id: str, *, person: str, hours: float, now: datetime | None = None
) -> tuple[SignedDecision, ...]:
    """Return what asking to break the glass says, and the way back that is signed for at the same time.

    Whoever took part in the version before signs for no way back to it; somebody else does.

    Raises:
        UsageError: there is no such update.
        StateError: it has no verdict, or there is nothing to go back to.
        PromotionConflict: the champion was moved behind our back.
    """
    limit = (now or datetime.now(UTC)) + timedelta(hours=hours)
    with workspace.store.reading() as session:
        model = updates.require(session, update_id).model
    present = workspace.registry.alias_version(model, CHAMPION)
    with workspace.store.reading() as session:
        row = updates.require(session, update_id)
        own = _requested(session, row, PromotionKind.BREAK_GLASS.value, limit)
        before = way_back_of(workspace, session, row, present)
        if part_in(workspace, session, before, person) is not None:
            return (own,)
        return (own, _requested(session, before, rollback.ACTION, limit + WAY_BACK_FOR))


def reviewing(workspace: Workspace, update_id: str) -> SignedDecision:
    """Return what asking to keep an update that is live over its verdict says.

    Raises:
        UsageError: there is no such update.
        StateError: it is not live that way.
    """
    with workspace.store.reading() as session:
        row = updates.require(session, update_id)
        broken = broken_by(session, row)
        if broken is None or broken.valid_until is None:
            raise StateError(f"Update {update_id} is not live over its verdict: there is nothing to review.")
        return _requested(session, row, PromotionKind.REVIEW.value, broken.valid_until)


def waiver(
    workspace: Workspace,
    update_id: str,
    code: str,
    *,
    policy: Policy,
    days: float | None = None,
    now: datetime | None = None,
) -> SignedDecision:
    """Return what accepting one finding of an update's newest verdict says.

    Raises:
        UsageError: there is no such update, or the policy allows less time.
        StateError: it has no verdict, or the policy lets nobody accept this.
    """
    moment = now or datetime.now(UTC)
    with workspace.store.reading() as session:
        row = updates.require(session, update_id)
        run, _verdict, binding = binding_of(session, row)
        found = require_acceptable(session, row, policy, code)
        return waiver_about(row, run, binding, found, longest(found, days, moment))


def about_request(
    workspace: Workspace, request_id: str, decision: Decision, *, person: str
) -> tuple[SignedDecision, ...]:
    """Return what deciding about a request says; a consent to break the glass also signs for an open way back.

    Raises:
        UsageError: there is no such request.
        StateError: its update has no verdict.
    """
    with workspace.store.reading() as session:
        request = requests.require(session, request_id)
        found = [_decided(session, request, decision)]
        if decision is Decision.APPROVE and request.action == PromotionKind.BREAK_GLASS:
            back = require_way_back(session, request)
            before = updates.require(session, back.update_id)
            if back.state is RequestState.OPEN and part_in(workspace, session, before, person) is None:
                found.append(_decided(session, back, decision))
        return tuple(found)


def _decided(session: Session, request: RequestRow, decision: Decision) -> SignedDecision:
    row = updates.require(session, request.update_id)
    return decision_on(
        row,
        binding_of(session, row)[2],
        action=request.action,
        decision=decision,
        run=request.run_id,
        request=request.id,
        alias=request.alias,
        ends=request.valid_until or request.expires,
    )


def _going_back(workspace: Workspace, session: Session, model: str, moment: datetime) -> SignedDecision:
    history = promotions.history(session, registry_id=workspace.registry.id, model=model, alias=CHAMPION)
    if not history:
        raise StateError(f"Nothing was ever promoted for {model}.", hint="There is nothing to go back to.")
    return _requested(session, former(session, model, history), rollback.ACTION, moment + OPEN_FOR)


def _requested(
    session: Session, row: UpdateRow, action: str, ends: datetime, *, alias: str = CHAMPION
) -> SignedDecision:
    run, _verdict, binding = binding_of(session, row)
    return decision_on(
        row,
        binding,
        action=action,
        decision=Decision.APPROVE,
        run=run.id,
        request=f"req-{secrets.token_hex(8)}",
        alias=alias,
        ends=ends,
    )
