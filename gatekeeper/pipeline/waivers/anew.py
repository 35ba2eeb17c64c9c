"""A verdict decided anew from the same reports, with what people accepted, under a run of its own.

Nothing is measured again. The new run holds copies of the reports and of their attachments, and what was decided
before stays on record. The clock of the request for approval goes on from the measurement.
"""

import shutil
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from audits.ledger.events import Event
from audits.ledger.log import append
from gatekeeper.core.digests import Digest, digest_of
from gatekeeper.core.states import State
from gatekeeper.core.verdict import Reason, Verdict, Waived
from gatekeeper.pipeline.approve import rfc3339
from gatekeeper.pipeline.outcome import state_after
from gatekeeper.pipeline.principal import ACTOR
from gatekeeper.pipeline.standing import binding_of
from gatekeeper.pipeline.waivers.counted import ends_of, require_waivers
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import runs, waivers
from gatekeeper.store.tables import RunRow, UpdateRow
from policies.decide import decide
from policies.policy import Policy, Section, Waivable


@dataclass(frozen=True, slots=True, kw_only=True)
class Acceptable:
    """One reason of a verdict that the policy lets people accept."""

    reason: Reason
    finding: Digest
    report_digest: Digest
    rule: Waivable


def section_of(row: UpdateRow) -> Section:
    """Return which list of the policy an evaluated update was held against."""
    return "gates" if row.champion_version is not None else "certify"


def decide_anew(
    workspace: Workspace,
    session: Session,
    row: UpdateRow,
    *,
    run: RunRow,
    found: Acceptable,
    run_id: str,
    policy: Policy,
    moment: datetime,
) -> None:
    """Decide from the same reports with what people accepted, under a run of its own."""
    verdict = binding_of(session, row)[1]
    given = waivers.of_finding(session, run.id, found.finding, moment=moment)
    new = Waived(
        gate=found.reason.gate,
        code=found.reason.code,
        finding=found.finding,
        ids=tuple(sorted(each.id for each in given)),
        expires=rfc3339(min(each.expires for each in given)),
    )
    require_waivers(workspace, session, row, verdict, policy, moment=moment)
    reports = {report.gate: report for report in runs.reports(session, run.id)}
    decided = decide(
        policy,
        reports,
        update_digest=verdict.update_digest,
        section=section_of(row),
        not_run=verdict.not_run,
        waived=(*verdict.waived, new),
    )
    if new not in decided.waived or state_after(decided) is not State.PENDING_APPROVAL:
        raise RuntimeError("what the policy lets people accept made another verdict than a milder one")
    _begin(session, row, run=run, run_id=run_id, decided=decided, policy=policy, moment=moment)


def _begin(
    session: Session,
    row: UpdateRow,
    *,
    run: RunRow,
    run_id: str,
    decided: Verdict,
    policy: Policy,
    moment: datetime,
) -> None:
    """Write the new run, its reports and its verdict down, with their ledger entries."""
    known = run.environment if isinstance(run.environment, dict) else {}
    measured_by = str(known.get("measured_by") or run.id)
    ends = ends_of(decided.waived)
    runs.start(
        session,
        run_id=run_id,
        update_id=row.id,
        policy_name=run.policy_name,
        policy_digest=policy.digest,
        policy=run.policy,
        seed=run.seed,
        environment={
            **known,
            "measured_by": measured_by,
            "measured_at": known.get("measured_at") or (run.finished or run.started).isoformat(),
            "waivers_end": None if ends is None else ends.isoformat(),
        },
        now=max(moment, run.started + timedelta(microseconds=1)),
    )
    took = runs.seconds(session, run.id)
    for report in runs.reports(session, run.id):
        runs.add_report(session, run_id, report, seconds=took[report.gate])
    runs.add_verdict(session, run_id, decided)
    runs.finish(session, run_id, now=max(moment, run.started + timedelta(microseconds=1)))
    digests = {"update_digest": decided.update_digest, "policy_digest": decided.policy_digest}
    append(
        session,
        type=Event.WAIVERS_COUNTED,
        actor=ACTOR,
        subject=row.id,
        data={
            "run": run_id,
            "measured_by": measured_by,
            "findings": len(decided.waived),
            "waivers": sorted(id_ for each in decided.waived for id_ in each.ids),
            "waivers_digest": digest_of(list(decided.waived)),
            "ends": None if ends is None else rfc3339(ends),
            **digests,
        },
    )
    append(
        session,
        type=Event.VERDICT_DECIDED,
        actor=ACTOR,
        subject=row.id,
        data={
            "run": run_id,
            "outcome": decided.outcome.name,
            "errored": decided.errored,
            **digests,
            "evidence_digest": decided.evidence_digest,
            "not_run": list(decided.not_run),
        },
    )


def copy_evidence(workspace: Workspace, run_id: str, to: str) -> None:
    """Give the new run the attachments of the run that measured."""
    source = workspace.evidence_dir / run_id
    if source.is_dir():
        drafts = shutil.ignore_patterns(".attempt-*")
        shutil.copytree(source, workspace.evidence_dir / to, symlinks=True, ignore=drafts)
