"""Requests that people decide about beside ordinary promotions, and their signed decisions."""

import secrets
from collections.abc import Collection
from datetime import UTC, datetime

from sqlalchemy import select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from gatekeeper.core.errors import NotEntitled, StateError, UsageError
from gatekeeper.store.tables import Decision, RequestDecisionRow, RequestRow, RequestState


def open_request(
    session: Session,
    *,
    action: str,
    update_id: str,
    run_id: str,
    model: str,
    alias: str,
    expected_previous: str | None,
    opened_by: str,
    required: int,
    expires: datetime,
    incident: str | None = None,
    justification_digest: str | None = None,
    valid_until: datetime | None = None,
    return_of: str | None = None,
    request_id: str | None = None,
    now: datetime | None = None,
) -> RequestRow:
    """Write down what was asked for, under a new id unless one is given.

    Raises:
        StateError: the same is asked for already, or the id was used before.
    """
    same = select(RequestRow).where(
        RequestRow.update_id == update_id, RequestRow.action == action, RequestRow.state == RequestState.OPEN
    )
    # A way back that was agreed to in advance waits; it keeps nobody from going back at once.
    open_already = session.scalars(same.where(RequestRow.return_of.is_(None))).first() if return_of is None else None
    if open_already is not None:
        raise StateError(
            f"Request {open_already.id} asks for the same already.",
            hint=f"Decide about it: gatekeeper approve {open_already.id} --as NAME.",
        )
    if request_id is not None and session.get(RequestRow, request_id) is not None:
        raise StateError(f"There was a request {request_id} before.", hint="Ask for what is to be signed again.")
    row = RequestRow(
        id=request_id or f"req-{secrets.token_hex(8)}",
        action=action,
        update_id=update_id,
        run_id=run_id,
        model=model,
        alias=alias,
        expected_previous=expected_previous,
        opened_by=opened_by,
        incident=incident,
        justification_digest=justification_digest,
        required=required,
        state=RequestState.OPEN,
        opened=now or datetime.now(UTC),
        expires=expires,
        valid_until=valid_until,
        return_of=return_of,
    )
    session.add(row)
    session.flush()
    return row


def require(session: Session, request_id: str) -> RequestRow:
    """Return one request.

    Raises:
        UsageError: there is none of that id.
    """
    row = session.get(RequestRow, request_id)
    if row is None:
        raise UsageError(f"There is no request {request_id}.", hint="Look for it with `gatekeeper status`.")
    return row


def in_state(session: Session, state: RequestState, *, action: str | None = None) -> list[RequestRow]:
    """Return the requests in one state, oldest first."""
    query = select(RequestRow).where(RequestRow.state == state)
    if action is not None:
        query = query.where(RequestRow.action == action)
    return list(session.scalars(query.order_by(RequestRow.opened, RequestRow.id)))


def granted(session: Session, update_id: str, actions: Collection[str]) -> RequestRow | None:
    """Return the newest request about an update that enough people agreed to, of these actions; else ``None``."""
    query = select(RequestRow).where(
        RequestRow.update_id == update_id, RequestRow.state == RequestState.APPROVED, RequestRow.action.in_(actions)
    )
    return session.scalars(query.order_by(RequestRow.opened.desc(), RequestRow.id).limit(1)).first()


def way_back(session: Session, request_id: str) -> RequestRow | None:
    """Return the way back that was agreed to together with a break of the glass; ``None`` without one."""
    return session.scalars(select(RequestRow).where(RequestRow.return_of == request_id)).first()


def of_update(session: Session, update_id: str) -> list[RequestRow]:
    """Return every request about one update, oldest first."""
    query = select(RequestRow).where(RequestRow.update_id == update_id)
    return list(session.scalars(query.order_by(RequestRow.opened, RequestRow.id)))


def decide(
    session: Session,
    *,
    request_id: str,
    decision: Decision,
    approver: str,
    envelope: str,
    comment_digest: str | None = None,
    now: datetime | None = None,
) -> RequestDecisionRow:
    """Write down one person's signed decision.

    Raises:
        NotEntitled: this person has decided about it already.
    """
    row = RequestDecisionRow(
        id=f"rqd-{secrets.token_hex(8)}",
        request_id=request_id,
        decision=decision,
        approver=approver,
        comment_digest=comment_digest,
        envelope=envelope,
        given=now or datetime.now(UTC),
    )
    try:
        with session.begin_nested():
            session.add(row)
    except IntegrityError as error:
        if "approver" not in str(error.orig):
            raise
        raise NotEntitled(
            f"This person has already decided about {request_id}.", hint="Somebody else can decide."
        ) from error
    return row


def decisions(session: Session, request_id: str, decision: Decision = Decision.APPROVE) -> list[RequestDecisionRow]:
    """Return the decisions of one kind about a request, oldest first."""
    query = select(RequestDecisionRow).where(
        RequestDecisionRow.request_id == request_id, RequestDecisionRow.decision == decision
    )
    return list(session.scalars(query.order_by(RequestDecisionRow.given, RequestDecisionRow.id)))


def move(session: Session, request_id: str, before: RequestState, after: RequestState) -> None:
    """Move a request on.

    Raises:
        StateError: it is not in the state it should be in before.
    """
    moved = session.execute(
        update(RequestRow)
        .where(RequestRow.id == request_id, RequestRow.state == before)
        .values(state=after)
        .returning(RequestRow.id),
        execution_options={"synchronize_session": "fetch"},
    )
    if moved.first() is None:
        raise StateError(f"Request {request_id} is not {before}.", hint="Look at it with `gatekeeper status`.")
