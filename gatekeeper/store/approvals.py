"""Approvals: who decided what about exactly which bytes, policy and evidence.

What an approver wrote lies in a table of its own (:mod:`gatekeeper.store.texts`); the approval keeps only the digest.
"""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import bindparam, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from gatekeeper.core.digests import Digest
from gatekeeper.core.errors import NotEntitled
from gatekeeper.store.tables import ApprovalRow, Decision, table_of

# Made once: making a statement takes longer than carrying it out.
_TABLE: Final = table_of(ApprovalRow)
_ADDED: Final = insert(_TABLE)
_ALREADY: Final = select(_TABLE.c.id).where(
    _TABLE.c.run_id == bindparam("run"), _TABLE.c.approver == bindparam("approver")
)
_STANDING: Final = (
    select(ApprovalRow)
    .where(
        ApprovalRow.run_id == bindparam("run"),
        ApprovalRow.decision == Decision.APPROVE,
        ApprovalRow.update_digest == bindparam("update"),
        ApprovalRow.policy_digest == bindparam("policy"),
        ApprovalRow.evidence_digest == bindparam("evidence"),
        ApprovalRow.expires > bindparam("now"),
    )
    .order_by(ApprovalRow.given, ApprovalRow.id)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """What an approval is about; when any of the three changes, it is about something else."""

    update_digest: Digest
    policy_digest: Digest
    evidence_digest: Digest


def add(
    session: Session,
    *,
    update_id: str,
    run_id: str,
    decision: Decision,
    approver: str,
    binding: Binding,
    expires: datetime,
    envelope: str | None,
    comment_digest: Digest | None = None,
    now: datetime | None = None,
) -> ApprovalRow:
    """Write down one person's decision, with the envelope that their own key signed.

    Raises:
        NotEntitled: this person has already decided about this run; the transaction has to end with it.
    """
    row = ApprovalRow(
        id=f"apr-{secrets.token_hex(8)}",
        update_id=update_id,
        run_id=run_id,
        decision=decision,
        approver=approver,
        update_digest=binding.update_digest,
        policy_digest=binding.policy_digest,
        evidence_digest=binding.evidence_digest,
        comment_digest=comment_digest,
        envelope=envelope,
        given=now or datetime.now(UTC),
        expires=expires,
    )
    already = session.execute(_ALREADY, {"run": run_id, "approver": approver}).first()
    if already is not None:
        raise _already_decided(already.id)
    try:
        session.execute(_ADDED, {each.name: getattr(row, each.name) for each in _TABLE.c})
    except IntegrityError as error:
        if "approver" not in str(error.orig):
            raise
        raise _already_decided(run_id) from error
    return row


def of_run(session: Session, run_id: str) -> list[ApprovalRow]:
    """Return every decision about one run, oldest first."""
    query = select(ApprovalRow).where(ApprovalRow.run_id == run_id)
    return list(session.scalars(query.order_by(ApprovalRow.given, ApprovalRow.id)))


def of_update(session: Session, update_id: str) -> list[ApprovalRow]:
    """Return every decision about one update, over all its runs, oldest first."""
    query = select(ApprovalRow).where(ApprovalRow.update_id == update_id)
    return list(session.scalars(query.order_by(ApprovalRow.given, ApprovalRow.id)))


def standing(session: Session, run_id: str, *, binding: Binding, now: datetime | None = None) -> list[ApprovalRow]:
    """Return the consents to exactly this binding that have not expired, one per person.

    Silence is not consent: an empty list means that nobody has agreed.
    """
    moment = now or datetime.now(UTC)
    bound = {
        "update": binding.update_digest,
        "policy": binding.policy_digest,
        "evidence": binding.evidence_digest,
    }
    return list(session.scalars(_STANDING, {"run": run_id, **bound, "now": moment}))


def _already_decided(what: str) -> NotEntitled:
    return NotEntitled(
        f"This person has already decided about this run ({what}).",
        hint="Someone else can decide, or the update can be run again.",
    )
