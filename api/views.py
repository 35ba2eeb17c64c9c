"""From rows to what is sent. Nothing here decides anything."""

from datetime import UTC, datetime
from typing import Final, Literal, TypeAlias, cast

from sqlalchemy.orm import Session

from api.masking import is_plain, masked
from api.shapes.decisions import DecisionOut, RequestOut
from api.shapes.evidence import FindingOut, MetricOut, ReasonOut, ReportOut, VerdictOut
from api.shapes.updates import ApprovalCountOut, DigestsOut, UpdateOut
from gatekeeper.core.digests import Digest, plain
from gatekeeper.core.findings import GateReport
from gatekeeper.core.states import State
from gatekeeper.core.verdict import Verdict
from gatekeeper.pipeline.break_glass import broken_by
from gatekeeper.pipeline.standing import deadline_of, needed_for
from gatekeeper.store import approvals, people, requests, runs, texts, updates
from gatekeeper.store.approvals import Binding
from gatekeeper.store.tables import ApprovalRow, RequestRow, RunRow, UpdateRow
from policies.policy import Policy

Outcome: TypeAlias = Literal["ADMIT", "REVIEW", "BLOCK"]


class _LastDigest:
    """The digest of the policy that was asked about last: making one of a long policy takes 7 ms."""

    def __init__(self) -> None:
        self._known: tuple[Policy, Digest] | None = None

    def of(self, policy: Policy) -> Digest:
        """Return the digest of a policy, which is frozen: the same object has the same digest."""
        known = self._known
        if known is None or known[0] is not policy:
            known = self._known = (policy, policy.digest)
        return known[1]


_LAST_DIGEST: Final = _LastDigest()


def update_out(session: Session, row: UpdateRow, policy: Policy | None, *, now: datetime | None = None) -> UpdateOut:
    """Return an update as it is sent.

    Args:
        session: reads what belongs to it.
        row: the update.
        policy: the present one; ``None`` where it does not load.
        now: the present moment, for tests.
    """
    run = runs.latest(session, row.id)
    verdict = None if run is None else runs.verdict(session, run.id)
    provenance = row.provenance if isinstance(row.provenance, dict) else {}
    sources = provenance.get("sources")
    return UpdateOut(
        id=row.id,
        name=row.name,
        model=row.model,
        kind=row.kind.value,
        state=row.state,
        proposer=people.display_name(session, row.submitter),
        digests=digests_out(row, verdict),
        outcome=None if verdict is None else cast("Outcome", verdict.outcome.name),
        errored=verdict is not None and verdict.errored,
        run=None if run is None else run.id,
        approvals=_count(session, row, run=run, verdict=verdict, policy=policy, now=now or datetime.now(UTC)),
        registered_version=row.registered_version,
        unreviewed_until=_unreviewed_until(session, row),
        compared_with=row.champion_version,
        data_digest=row.data_digest,
        method=str(provenance.get("method") or ""),
        trainer=str(provenance.get("trainer") or ""),
        sources=[str(each) for each in sources] if isinstance(sources, list) else [],
        answers=row.answers,
        answered_by=_answered_by(session, row),
        created=row.created,
        updated=row.updated,
    )


def _unreviewed_until(session: Session, row: UpdateRow) -> datetime | None:
    broken = broken_by(session, row) if row.state is State.ACTIVE else None
    return None if broken is None else broken.valid_until


def digests_out(row: UpdateRow, verdict: Verdict | None) -> DigestsOut:
    """Return what a decision about an update is bound to now."""
    return DigestsOut(
        update_digest=row.manifest_digest,
        policy_digest=None if verdict is None else verdict.policy_digest,
        evidence_digest=None if verdict is None else verdict.evidence_digest,
    )


def verdict_out(row: UpdateRow, run: RunRow, verdict: Verdict) -> VerdictOut:
    """Return a verdict as it is sent."""
    return VerdictOut(
        run=run.id,
        outcome=cast("Outcome", verdict.outcome.name),
        errored=verdict.errored,
        reasons=[
            ReasonOut(gate=each.gate, code=each.code, outcome=cast("Outcome", each.outcome.name), text=each.text)
            for each in verdict.reasons
        ],
        not_run=list(verdict.not_run),
        waived=[each.code for each in verdict.waived],
        digests=digests_out(row, verdict),
    )


def report_out(report: GateReport, seconds: float) -> ReportOut:
    """Return a gate's report as it is sent."""
    return ReportOut(
        gate=report.gate,
        version=report.version,
        status=report.status.value,
        note=report.note,
        digest=report.digest,
        seconds=seconds,
        metrics=[MetricOut.model_validate(plain(metric)) for metric in report.metrics],
        findings=len(report.findings),
    )


def findings_out(report: GateReport, *, sees_rows: bool) -> list[FindingOut]:
    """Return what a gate points at, in its own order; masked for who may not see rows (``api.masking``)."""
    shown = sees_rows or is_plain(report.gate)
    return [
        FindingOut(
            gate=report.gate,
            code=each.code,
            severity=each.severity.name,  # type: ignore[arg-type]  # the names of an enum are these words
            confidence=each.confidence,
            subject=each.subject,
            message=each.message,
        )
        for each in (report.findings if shown else map(masked, report.findings))
    ]


def decision_out(session: Session, row: ApprovalRow) -> DecisionOut:
    """Return one person's decision as it is sent."""
    return DecisionOut(
        id=row.id,
        run=row.run_id,
        decision=row.decision.value,
        by=people.display_name(session, row.approver),
        comment=None if row.comment_digest is None else texts.find(session, row.comment_digest),
        digests=DigestsOut(
            update_digest=row.update_digest, policy_digest=row.policy_digest, evidence_digest=row.evidence_digest
        ),
        envelope=row.envelope,
        given=row.given,
        expires=row.expires,
    )


def request_out(session: Session, row: RequestRow) -> RequestOut:
    """Return a request as it is sent."""
    digest = row.justification_digest
    return RequestOut(
        id=row.id,
        action=row.action,
        update=row.update_id,
        model=row.model,
        alias=row.alias,
        replaces=row.expected_previous,
        state=row.state.value,
        opened_by=people.display_name(session, row.opened_by),
        justification=None if digest is None else texts.find(session, digest),
        incident=row.incident,
        given=len(requests.decisions(session, row.id)),
        required=row.required,
        opened=row.opened,
        expires=row.expires,
        valid_until=row.valid_until,
    )


def _answered_by(session: Session, row: UpdateRow) -> str | None:
    """Return which update takes the place of one that was sent back."""
    if row.state not in (State.CHANGES_REQUESTED, State.WITHDRAWN):
        return None
    answer = updates.answer_to(session, row.id)
    return None if answer is None else answer.id


def _count(
    session: Session,
    row: UpdateRow,
    *,
    run: RunRow | None,
    verdict: Verdict | None,
    policy: Policy | None,
    now: datetime,
) -> ApprovalCountOut:
    if run is None or verdict is None:
        return ApprovalCountOut(given=0, required=None, expires=None)
    binding = Binding(
        update_digest=verdict.update_digest,
        policy_digest=verdict.policy_digest,
        evidence_digest=verdict.evidence_digest,
    )
    given = len(approvals.standing(session, run.id, binding=binding, now=now))
    if policy is None or _LAST_DIGEST.of(policy) != verdict.policy_digest:
        return ApprovalCountOut(given=given, required=None, expires=None)
    return ApprovalCountOut(given=given, required=needed_for(row, policy), expires=deadline_of(run, policy))
