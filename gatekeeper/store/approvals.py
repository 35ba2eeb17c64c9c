"""Approvals: who decided what about exactly which bytes, policy and evidence.

What an approver wrote lies in a table of its own (:mod:`gatekeeper.store.texts`); the approval keeps only the digest.
"""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from gatekeeper.core.digests import Digest
from gatekeeper.core.errors import NotEntitled
from gatekeeper.store.tables import ApprovalRow, Decision


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
        NotEntitled: this person has already decided about this run.
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
    already = session.scalars(
        select(ApprovalRow.id).where(ApprovalRow.run_id == run_id, ApprovalRow.approver == approver)
    ).first()
    if already is not None:
        raise _already_decided(already)
    try:
        with session.begin_nested():
            session.add(row)
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
    query = select(ApprovalRow).where(
        ApprovalRow.run_id == run_id,
        ApprovalRow.decision == Decision.APPROVE,
        ApprovalRow.update_digest == binding.update_digest,
        ApprovalRow.policy_digest == binding.policy_digest,
        ApprovalRow.evidence_digest == binding.evidence_digest,
        ApprovalRow.expires > moment,
    )
    return list(session.scalars(query.order_by(ApprovalRow.given, ApprovalRow.id)))


def _already_decided(what: str) -> NotEntitled:
    return NotEntitled(
        f"This person has already decided about this run ({what}).",
        hint="Someone else can decide, or the update can be run again.",
    )
