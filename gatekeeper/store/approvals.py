"""Approvals: who decided what about exactly which bytes, policy and evidence.

What an approver wrote lies in a table of its own beside its salt; the approval keeps only the salted digest.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from sqlalchemy import delete, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, selectinload

from gatekeeper.core.digests import Digest, sha256_bytes
from gatekeeper.core.errors import StateError
from gatekeeper.store.tables import ApprovalRow, CommentRow, Decision

_SALT_BYTES: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """What an approval is about; when any of the three changes, it is about something else."""

    update_digest: Digest
    policy_digest: Digest
    evidence_digest: Digest


def salted_digest(salt: bytes, text: str) -> Digest:
    """Return the digest of ``text`` that says nothing about it to whoever lacks ``salt``."""
    return sha256_bytes(salt + text.encode())


def add(
    session: Session,
    *,
    update_id: str,
    run_id: str,
    decision: Decision,
    approver: str,
    binding: Binding,
    expires: datetime,
    comment: str = "",
    now: datetime | None = None,
) -> ApprovalRow:
    """Write down one person's decision.

    Raises:
        StateError: this person has already decided about this run.
    """
    salt = secrets.token_bytes(_SALT_BYTES)
    row = ApprovalRow(
        id=f"apr-{secrets.token_hex(8)}",
        update_id=update_id,
        run_id=run_id,
        decision=decision,
        approver=approver,
        update_digest=binding.update_digest,
        policy_digest=binding.policy_digest,
        evidence_digest=binding.evidence_digest,
        comment_digest=salted_digest(salt, comment) if comment else None,
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
    if comment:
        session.add(CommentRow(approval_id=row.id, salt=salt, body=comment))
        session.flush()
    return row


def of_run(session: Session, run_id: str) -> list[ApprovalRow]:
    """Return every decision about one run, oldest first, with what was written."""
    query = select(ApprovalRow).where(ApprovalRow.run_id == run_id).options(selectinload(ApprovalRow.comment))
    return list(session.scalars(query.order_by(ApprovalRow.given, ApprovalRow.id)))


def of_update(session: Session, update_id: str) -> list[ApprovalRow]:
    """Return every decision about one update, over all its runs, oldest first, with what was written."""
    query = select(ApprovalRow).where(ApprovalRow.update_id == update_id).options(selectinload(ApprovalRow.comment))
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


def comments(session: Session, update_id: str) -> Mapping[str, str]:
    """Return what was written about an update, by approval id; erased comments are left out."""
    query = (
        select(CommentRow)
        .join(ApprovalRow, ApprovalRow.id == CommentRow.approval_id)
        .where(ApprovalRow.update_id == update_id)
    )
    return {row.approval_id: row.body for row in session.scalars(query)}


def erase_comment(session: Session, approval_id: str) -> bool:
    """Forget what was written and its salt; return whether there was anything."""
    found = session.execute(
        delete(CommentRow).where(CommentRow.approval_id == approval_id).returning(CommentRow.approval_id)
    )
    return found.first() is not None


def _already_decided(what: str) -> StateError:
    return StateError(
        f"This person has already decided about this run ({what}).",
        hint="Someone else can decide, or the update can be run again.",
    )
