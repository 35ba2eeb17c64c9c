"""``gatekeeper check`` and ``certify`` at a service: the same table, the same reports, the same exit codes."""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus

from api.shapes.evidence import FindingOut, MetricOut, ReportOut, VerdictOut
from api.shapes.updates import UpdateOut
from audits.reports.model import LimitView, RunView, UpdateView
from audits.reports.write import write_report
from gatekeeper.cli.drift import panels_of
from gatekeeper.cli.reporting import policy_words
from gatekeeper.client import Client, Refused
from gatekeeper.core.digests import Digest
from gatekeeper.core.errors import PolicyError, VerificationError
from gatekeeper.core.findings import Finding, GateReport, Metric, Severity, Status
from gatekeeper.core.states import State
from gatekeeper.core.verdict import Outcome, Reason, Verdict
from gatekeeper.gates.catalogue import discover
from gatekeeper.pipeline.limit_views import limit_views
from gatekeeper.pipeline.lineage import DriftPoint
from policies.form import policy_from_form

_KEPT_BACK = "(kept back: the token does not let its holder see rows)"


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedThere:
    """An update that a service judged."""

    update: UpdateOut
    verdict: Verdict
    reports: tuple[tuple[GateReport, float], ...] | None
    """What every gate measured, and its wall time in seconds; ``None`` where the token may not see that."""
    seconds: float

    @property
    def name(self) -> str:
        """What people call the update."""
        return self.update.name

    @property
    def update_id(self) -> str:
        """The update's id."""
        return self.update.id

    @property
    def state(self) -> State:
        """Where it stands."""
        return self.update.state

    @property
    def gates(self) -> int | None:
        """How many gates reported."""
        return None if self.reports is None else len(self.reports)


def judge_there(client: Client, proposed: UpdateOut) -> JudgedThere:
    """Let a service evaluate an update, wait for the verdict, and fetch what it rests on.

    Raises:
        Refused: the service says no, or could not evaluate it.
    """
    began = time.monotonic()
    update = client.run(client.update(proposed.id))
    verdict = _verdict(client.verdict(update.id))
    seconds = time.monotonic() - began
    return JudgedThere(update=update, verdict=verdict, reports=_reports(client, update.id), seconds=seconds)


def write_reports_there(client: Client, judged: JudgedThere, targets: tuple[str, ...], *, url: str) -> None:
    """Write every report asked for, from what the service tells.

    Raises:
        UsageError: a file cannot be written.
        Refused: the service says no.
        VerificationError: what it tells does not fit together.
    """
    update, reports = judged.update, judged.reports or ()
    told = client.policy(judged.verdict.policy_digest)
    try:
        policy = policy_from_form(told.policy, discover(), digest=judged.verdict.policy_digest)
    except PolicyError as error:
        raise VerificationError(
            f"The service decided by a policy that this installation cannot read: {error.message}",
            hint="Install the gates that it names, or leave --report out.",
        ) from error
    limits: tuple[LimitView, ...] = ()
    if judged.reports is not None:
        by_gate = {report.gate: report for report, _seconds in reports}
        limits = limit_views(policy, by_gate, judged.verdict, compared=update.compared_with is not None)
    view = RunView(
        title=f"{update.model}: {update.name}",
        generated_at=datetime.now(UTC),
        model=update.model,
        registry="MLflow",
        champion_version=update.compared_with or "",
        policy=policy_words(policy),
        updates=(
            UpdateView(
                name=update.name,
                id=update.id,
                kind=update.kind,
                digest=Digest(update.digests.update_digest),
                state=update.state,
                verdict=judged.verdict,
                reports=tuple(report for report, _seconds in reports),
                limits=limits,
                seconds=judged.seconds,
                gate_seconds=tuple((report.gate, seconds) for report, seconds in reports),
            ),
        ),
        environment=(("service", url),),
        lineage=panels_of(points_of(client, update.model)),
    )
    for target in targets:
        write_report(view, target)


def points_of(client: Client, model: str) -> tuple[DriftPoint, ...]:
    """Return every champion's score against the anchor, as a service tells it."""
    lineage = client.lineage(model)
    moments = {each.version: each.promoted for each in lineage.champions}
    return tuple(
        DriftPoint(
            version=each.version,
            suite=each.suite,
            anchor=each.anchor,
            delta=float(each.delta),
            low=_float(each.low),
            high=_float(each.high),
            confidence=each.confidence,
            budget=each.budget,
            promoted=moments.get(each.version),
        )
        for each in lineage.drift
    )


def _verdict(told: VerdictOut) -> Verdict:
    digests = told.digests
    return Verdict(
        outcome=Outcome[told.outcome],
        errored=told.errored,
        reasons=tuple(
            Reason(gate=each.gate, code=each.code, outcome=Outcome[each.outcome], text=each.text)
            for each in told.reasons
        ),
        not_run=tuple(told.not_run),
        policy_digest=Digest(digests.policy_digest or ""),
        evidence_digest=Digest(digests.evidence_digest or ""),
        update_digest=Digest(digests.update_digest),
    )


def _reports(client: Client, update: str) -> tuple[tuple[GateReport, float], ...] | None:
    """Return what every gate measured; ``None`` where the token may not see it."""
    try:
        evidence = client.evidence(update)
        found = list(client.findings(update))
    except Refused as error:
        if error.status == HTTPStatus.FORBIDDEN:
            return None
        raise
    return tuple((_report(each, found), each.seconds) for each in evidence.reports)


def _report(told: ReportOut, found: list[FindingOut]) -> GateReport:
    return GateReport(
        gate=told.gate,
        version=told.version,
        status=Status(told.status),
        note=told.note,
        metrics=tuple(map(_metric, told.metrics)),
        findings=tuple(
            Finding(
                code=each.code,
                severity=Severity[each.severity],
                confidence=each.confidence,
                subject=each.subject,
                message=each.message or _KEPT_BACK,
            )
            for each in found
            if each.gate == told.gate
        ),
    )


def _metric(told: MetricOut) -> Metric:
    return Metric(
        name=told.name,
        value=float(told.value),
        unit=told.unit,
        n=told.n,
        low=_float(told.low),
        high=_float(told.high),
        confidence=told.confidence,
        method=told.method,
    )


def _float(value: float | str | None) -> float | None:
    return None if value is None else float(value)
