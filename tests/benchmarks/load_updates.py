"""Updates that wait for decisions, as many as a load needs, without a model to judge them by.

Runs, reports and verdicts of some are written with the store's own functions: a report of three metrics and two
findings for each gate of the policy, and a reason for each of its limits. The others are copies of their rows under
ids of their own, with ledger entries of their own.
"""

from datetime import UTC, datetime

from sqlalchemy import insert, literal, select

from audits.ledger.events import Event
from audits.ledger.log import append
from gatekeeper.core.findings import Finding, GateReport, Metric, Severity, Status
from gatekeeper.core.states import State
from gatekeeper.core.verdict import Outcome, Reason, Verdict
from gatekeeper.pipeline.principal import ACTOR
from gatekeeper.pipeline.workspace import environment
from gatekeeper.store import runs, updates
from gatekeeper.store.tables import ReportRow, RunRow, UpdateRow, VerdictRow
from policies.decide import evidence_digest
from policies.policy import normal_form

_AT_ONCE = 250
_DIFFERENT = 40
"""Sets of reports that differ."""


def make_live(session, update_id, policy, *, version):
    """Write an evaluation of a proposed update down, and what follows until it is the champion."""
    updates.move(session, update_id, State.EVALUATING)
    _evaluate(session, update_id, policy, 0)
    updates.registered_as(session, update_id, version)
    for state in (State.PENDING_APPROVAL, State.APPROVED, State.PROMOTING, State.ACTIVE):
        updates.move(session, update_id, state)


def judged_like(store, update_id, policy, *, count, champion):
    """Write so many updates down that wait for decisions about the same bytes; return their ids."""
    with store.transaction() as session:
        first = [_proposed(session, update_id, number, champion) for number in range(min(count, _DIFFERENT))]
        for number, each in enumerate(first):
            _evaluate(session, each, policy, number)
            _judged(session, each)
    ids = list(first)
    while len(ids) < count:
        with store.transaction() as session:
            for number in range(len(ids), min(count, len(ids) + _AT_ONCE)):
                ids.append(_proposed(session, update_id, number, champion))
                _evaluated_like(session, ids[-1], first[number % len(first)])
                _judged(session, ids[-1])
    return ids


def _proposed(session, original, number, champion):
    """Write a proposal down that was stored as a version of its own."""
    moment, update_id, row = datetime.now(UTC), updates.new_update_id(), updates.require(session, original)
    changed = {
        "id": update_id,
        "name": f"update {number}",
        "state": State.PENDING_APPROVAL,
        "champion_version": champion,
        "registered_version": f"{number + 1000}",
        "revision": 3,
        "created": moment,
        "updated": moment,
    }
    _copy(session, UpdateRow, UpdateRow.id == original, changed)
    append(
        session,
        type=Event.UPDATE_SUBMITTED,
        actor=row.submitter,
        subject=update_id,
        data={"model": row.model, "update_digest": row.manifest_digest, "kind": row.kind.value, "data_digest": None},
    )
    return update_id


def _evaluate(session, update_id, policy, number):
    """Write a run with its reports and its verdict down, as :mod:`gatekeeper.pipeline.judge` does."""
    run_id = runs.new_run_id()
    runs.start(
        session,
        run_id=run_id,
        update_id=update_id,
        policy_name=policy.name,
        policy_digest=policy.digest,
        policy=normal_form(policy),
        seed=policy.seed,
        environment={**environment(), "anchor_version": None},
    )
    reports = [_report(rule.gate, number) for rule in policy.gates]
    for report in reports:
        runs.add_report(session, run_id, report, seconds=0.5)
    digest = updates.require(session, update_id).manifest_digest
    runs.add_verdict(session, run_id, _verdict(policy, reports, digest))
    runs.finish(session, run_id)


def _evaluated_like(session, update_id, other):
    """Give an update the evaluation that another one had."""
    moment, run_id, run = datetime.now(UTC), runs.new_run_id(), runs.latest(session, other)
    ran = {"id": run_id, "update_id": update_id, "started": moment, "finished": moment}
    _copy(session, RunRow, RunRow.id == run.id, ran)
    _copy(session, ReportRow, ReportRow.run_id == run.id, {"run_id": run_id})
    _copy(session, VerdictRow, VerdictRow.run_id == run.id, {"run_id": run_id})


def _judged(session, update_id):
    """Append the entry that records the verdict."""
    run = runs.latest(session, update_id)
    verdict = runs.verdict(session, run.id)
    append(
        session,
        type=Event.VERDICT_DECIDED,
        actor=ACTOR,
        subject=update_id,
        data={
            "run": run.id,
            "outcome": verdict.outcome.name,
            "errored": verdict.errored,
            "update_digest": verdict.update_digest,
            "policy_digest": verdict.policy_digest,
            "evidence_digest": verdict.evidence_digest,
            "not_run": [],
        },
    )


def _copy(session, table, which, changed):
    """Insert the rows again with some values changed, without taking them out of the database."""
    columns = list(table.__table__.columns)
    values = [literal(changed[each.name], each.type) if each.name in changed else each for each in columns]
    session.execute(insert(table).from_select([each.name for each in columns], select(*values).where(which)))


def _report(gate, number_of_set):
    return GateReport(
        gate=gate,
        version=1,
        status=Status.MEASURED,
        metrics=tuple(
            Metric(
                name=f"some.metric_{number}",
                value=0.01 * number + 0.0001 * number_of_set,
                unit="points",
                n=1000,
                low=0.005 * number,
                high=0.015 * number,
                confidence=0.95,
                method="clustered t",
            )
            for number in range(1, 4)
        ),
        findings=tuple(
            Finding(
                code=f"{gate}/something",
                severity=Severity.LOW,
                confidence=0.8,
                subject=f"row-{number}",
                message="A sentence of about the length that findings have, with a number in it: 0.0123.",
            )
            for number in range(2)
        ),
    )


def _verdict(policy, reports, digest):
    return Verdict(
        outcome=Outcome.ADMIT,
        errored=False,
        reasons=tuple(
            Reason(
                gate=rule.gate,
                code=f"{rule.gate}/{limit.id}",
                outcome=Outcome.ADMIT,
                text="The lower bound of the mean difference is above the margin: 0.0123 against 0.02.",
            )
            for rule in policy.gates
            for limit in rule.limits
        ),
        not_run=(),
        policy_digest=policy.digest,
        evidence_digest=evidence_digest(reports),
        update_digest=digest,
    )
