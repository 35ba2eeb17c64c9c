"""From rows to what is sent. Nothing here decides anything."""

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Literal, TypeAlias, cast

from sqlalchemy.orm import Session

from api.masking import is_plain, masked
from api.shapes.base import Number
from api.shapes.decisions import DecisionOut, RequestOut
from api.shapes.evidence import FindingOut, MetricOut, ReasonOut, ReportOut, VerdictOut
from api.shapes.updates import ApprovalCountOut, DigestsOut, UpdateOut
from gatekeeper.core.findings import GateReport, Metric
from gatekeeper.core.states import State
from gatekeeper.core.verdict import Verdict
from gatekeeper.pipeline.break_glass import broken_by
from gatekeeper.pipeline.standing import deadline_after, needed_for
from gatekeeper.store import people, requests, texts, updates
from gatekeeper.store.runs import Measured
from gatekeeper.store.standings import Standing, standings
from gatekeeper.store.tables import ApprovalRow, RequestRow, RunRow, UpdateRow
from policies.policy import Policy

Outcome: TypeAlias = Literal["ADMIT", "REVIEW", "BLOCK"]


def update_out(session: Session, row: UpdateRow, policy: Policy | None, *, now: datetime | None = None) -> UpdateOut:
    """Return an update as it is sent.

    Args:
        session: reads what belongs to it.
        row: the update.
        policy: the present one; ``None`` where it does not load.
        now: the present moment, for tests.
    """
    return updates_out(session, (row,), policy, now=now)[0]


def updates_out(
    session: Session, rows: Sequence[UpdateRow], policy: Policy | None, *, now: datetime | None = None
) -> list[UpdateOut]:
    """Return updates as they are sent, in the same order; the arguments are those of :func:`update_out`."""
    found = standings(session, rows, now=now)
    return [_update_out(session, row, found[row.id], policy) for row in rows]


def _update_out(session: Session, row: UpdateRow, standing: Standing, policy: Policy | None) -> UpdateOut:
    verdict = standing.verdict
    provenance = row.provenance if isinstance(row.provenance, dict) else {}
    sources = provenance.get("sources")
    return UpdateOut(
        id=row.id,
        name=row.name,
        model=row.model,
        kind=row.kind.value,
        state=row.state,
        proposer=standing.proposer,
        digests=digests_out(row, verdict),
        outcome=None if verdict is None else cast("Outcome", verdict.outcome.name),
        errored=verdict is not None and verdict.errored,
        run=standing.run,
        approvals=_count(row, standing, policy),
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


def report_out(kept: Measured) -> ReportOut:
    """Return a gate's report as it is sent."""
    report = kept.report
    return ReportOut(
        gate=report.gate,
        version=report.version,
        status=report.status.value,
        note=report.note,
        digest=kept.digest,
        seconds=kept.seconds,
        metrics=[_metric_out(metric) for metric in report.metrics],
        findings=len(report.findings),
    )


def _metric_out(metric: Metric) -> MetricOut:
    return MetricOut(
        name=metric.name,
        value=_number(metric.value),
        unit=metric.unit,
        n=metric.n,
        low=None if metric.low is None else _number(metric.low),
        high=None if metric.high is None else _number(metric.high),
        confidence=metric.confidence,
        method=metric.method,
    )


def _number(value: float) -> Number:
    return value if math.isfinite(value) else repr(value)


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


def _count(row: UpdateRow, standing: Standing, policy: Policy | None) -> ApprovalCountOut:
    verdict, judged = standing.verdict, standing.judged
    if verdict is None or judged is None or policy is None or policy.digest != verdict.policy_digest:
        return ApprovalCountOut(given=standing.given, required=None, expires=None)
    return ApprovalCountOut(
        given=standing.given,
        required=needed_for(row, policy),
        expires=deadline_after(judged, policy, waivers_end=standing.waivers_end),
    )
