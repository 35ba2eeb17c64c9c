"""Second and third stage: run the gates, let the policy decide, and keep both.

Order: EVALUATING and the run's leaf; each report with its leaf as soon as it exists; the verdict, its leaf and the new
state in one transaction. Whatever ends a run before its verdict, an interrupt included, leaves the update ERRORED.
"""

import shutil
import time
from collections.abc import Callable
from typing import Any

from sqlalchemy.orm import Session

from audits.ledger.events import Event
from audits.ledger.leaf import label
from audits.ledger.log import append
from gatekeeper.core.digests import sha256_file
from gatekeeper.core.errors import InputError, StoreError
from gatekeeper.core.gate import Gate, Progress, Resources
from gatekeeper.core.spans import Fact, span
from gatekeeper.core.states import State
from gatekeeper.core.update import Update
from gatekeeper.core.verdict import Verdict
from gatekeeper.intake.artifact import read_artifact
from gatekeeper.intake.rows import open_rows
from gatekeeper.pipeline.accepted_rows import ComparedHistory, history_of, history_of_run, keep_counts, note_compared
from gatekeeper.pipeline.bench import Bench
from gatekeeper.pipeline.collect import GateRun, Watcher, collect, folder_of, run_gate
from gatekeeper.pipeline.kept import kept_run, require_same_world
from gatekeeper.pipeline.outcome import Checked, state_after
from gatekeeper.pipeline.principal import ACTOR
from gatekeeper.pipeline.quarantine.counted import CountedReleases, counted_releases, note_releases
from gatekeeper.pipeline.references import Reference
from gatekeeper.pipeline.row_history import history_of_rows
from gatekeeper.pipeline.steps import HandedOver, Point, Steps
from gatekeeper.pipeline.workspace import Workspace, environment
from gatekeeper.store import runs, updates
from policies.decide import decide
from policies.policy import GateRule, Policy, Section, normal_form


def judge(
    workspace: Workspace,
    update: Update,
    policy: Policy,
    *,
    champion: Reference | None,
    anchor: Reference | None,
    resources: Resources,
    watcher: Watcher,
    progress: Progress,
    steps: Steps,
) -> Checked:
    """Evaluate an update and return it with its verdict; a run that was begun before goes on where it stopped.

    Args:
        workspace: where things are kept.
        update: in state SUBMITTED, ERRORED or STALE; EVALUATING when the run was begun before.
        policy: decides; its digest is bound to the verdict.
        champion: what to compare with; ``None`` applies the policy's ``certify`` section.
        anchor: reference for cumulative drift.
        resources: what gates share, such as the evaluation session.
        watcher: told when gates start and end.
        progress: told what happens inside a gate.
        steps: carries the run.

    Raises:
        InputError: the update, or what it is compared with, changed meanwhile.
        HandedOver: somebody else has the run now.
    """
    began = time.monotonic()
    section: Section = "gates" if champion is not None else "certify"
    run_id = steps.run_id
    released = counted_releases(workspace, update, policy, section)
    with workspace.store.reading() as session:
        begun = runs.find(session, run_id) is not None
    if begun:
        compared = history_of_run(workspace, run_id)
    else:
        compared = history_of(workspace, update.model) if update.data else None
        _begin(workspace, update, policy, champion, anchor, compared=compared, released=released, steps=steps)
    steps.reached(Point.BEGUN)
    bench = Bench(
        run_id=run_id,
        update_id=update.id,
        champion=champion.artifact if champion else None,
        anchor=anchor.artifact if anchor else None,
        released=released,
    )
    catalogue = bench.catalogue(workspace)
    context = bench.context(update, compared, seed=policy.seed, resources=resources, progress=progress)
    evidence_dir = workspace.evidence_dir / run_id
    keep = _keeper(workspace, update, steps)

    def measure(gate: Gate[Any], rule: GateRule) -> GateRun:
        def work() -> GateRun:
            if (before := kept_run(workspace, run_id, gate.id)) is not None:
                return before
            shutil.rmtree(folder_of(evidence_dir, gate.id), ignore_errors=True)
            with span("gate", gate=gate.id, run=run_id) as seen:
                run = steps.compute(bench, gate, lambda: run_gate(gate, rule, context, evidence_dir))
                seen.tell(**_facts(run))
            keep(run)
            steps.reached(Point.STEP_STORED, gate.id)
            return run

        steps.reached(Point.BEFORE_STEP, gate.id)
        steps.step(gate.id, work)
        steps.reached(Point.STEP_RECORDED, gate.id)
        kept = kept_run(workspace, run_id, gate.id)
        if kept is None:
            raise StoreError(f"The report of {gate.id} in run {run_id} is gone.", hint="Evaluate the update again.")
        return kept

    try:
        if begun:
            require_same_world(workspace, run_id, policy, champion=champion, anchor=anchor, released=released)
        collected = collect(policy, section, catalogue, measure, watcher=watcher)
        with span("judge", run=run_id) as seen:
            _require_unchanged(update)
            verdict = decide(
                policy, collected.reports, update_digest=update.digest, section=section, not_run=collected.not_run
            )
            steps.reached(Point.BEFORE_VERDICT)
            state = _conclude(workspace, update, steps, verdict, policy)
            seen.tell(outcome=verdict.outcome.name, errored=verdict.errored, state=state.value)
        steps.reached(Point.AFTER_VERDICT)
    except HandedOver:
        raise
    except BaseException as error:
        abandon(workspace, update.id, steps, error)
        raise
    return Checked(
        update=update,
        run_id=run_id,
        state=state,
        verdict=verdict,
        runs=collected.runs,
        policy=policy,
        champion_version=champion.version if champion else None,
        seconds=time.monotonic() - began,
    )


def _facts(run: GateRun) -> dict[str, Fact]:
    """Return what a span may say of a report: counts, and no content."""
    report = run.report
    return {
        "status": report.status.value,
        "findings": len(report.findings),
        "rows": max((metric.n for metric in report.metrics), default=0),
    }


def _require_unchanged(update: Update) -> None:
    """Return when the bytes that were judged are still the bytes that were submitted.

    Raises:
        InputError: somebody changed the candidate, its base or its rows while they were judged.
    """
    candidate, data = update.candidate, update.data
    if read_artifact(candidate.path, candidate.base).manifest.digest != update.digest:
        raise InputError(
            f"The files of {update.name} changed while they were judged.", hint="Propose it again, and leave it alone."
        )
    if data is not None and sha256_file(data.path) != data.sha256:
        raise InputError(
            f"{data.path.name} changed while it was judged.",
            hint="Propose the update again, and leave its rows alone.",
        )


def _begin(
    workspace: Workspace,
    update: Update,
    policy: Policy,
    champion: Reference | None,
    anchor: Reference | None,
    *,
    compared: ComparedHistory | None,
    released: tuple[CountedReleases, ...],
    steps: Steps,
) -> None:
    run_id = steps.run_id
    with workspace.store.transaction() as session:
        steps.hold(session)
        updates.move(session, update.id, State.EVALUATING)
        updates.compared_with(
            session,
            update.id,
            version=champion.version if champion else None,
            digest=champion.artifact.manifest.digest if champion else None,
        )
        runs.start(
            session,
            run_id=run_id,
            update_id=update.id,
            policy_name=policy.name,
            policy_digest=policy.digest,
            policy=normal_form(policy),
            seed=policy.seed,
            environment={
                **environment(),
                "anchor_version": anchor.version if anchor else None,
                "history": compared.facts() if compared else None,
                "releases": {each.gate: list(each.ids) for each in released},
            },
        )
        append(
            session,
            type=Event.RUN_STARTED,
            actor=ACTOR,
            subject=update.id,
            data={
                "run": run_id,
                "update_digest": update.digest,
                "policy": label(policy.name),
                "policy_digest": policy.digest,
                "seed": policy.seed,
                "champion_version": champion.version if champion else None,
                "champion_digest": champion.artifact.manifest.digest if champion else None,
            },
        )
        if compared is not None:
            note_compared(session, update.id, run_id, compared)
        for each in released:
            note_releases(session, update.id, run_id, each)


def _keeper(workspace: Workspace, update: Update, steps: Steps) -> Callable[[GateRun], None]:
    run_id = steps.run_id

    def keep(run: GateRun) -> None:
        with workspace.store.transaction() as session:
            steps.hold(session)
            runs.add_report(session, run_id, run.report, seconds=run.seconds)
            append(
                session,
                type=Event.GATE_REPORTED,
                actor=ACTOR,
                subject=update.id,
                data={
                    "run": run_id,
                    "gate": run.report.gate,
                    "version": run.report.version,
                    "status": run.report.status.value,
                    "report_digest": run.report.digest,
                    "findings": len(run.report.findings),
                    "metrics": {label(metric.name): metric.value for metric in run.report.metrics},
                },
            )

    return keep


def _conclude(workspace: Workspace, update: Update, steps: Steps, verdict: Verdict, policy: Policy) -> State:
    run_id = steps.run_id
    state = state_after(verdict)
    promotable = state is State.PENDING_APPROVAL
    counts = history_of_rows(open_rows(update.data.path)) if update.data and promotable else None
    with workspace.store.transaction() as session:
        steps.hold(session)
        runs.add_verdict(session, run_id, verdict)
        runs.finish(session, run_id)
        updates.move(session, update.id, state)
        keep_counts(session, update, policy, counts)
        append(
            session,
            type=Event.VERDICT_DECIDED,
            actor=ACTOR,
            subject=update.id,
            data={
                "run": run_id,
                "outcome": verdict.outcome.name,
                "errored": verdict.errored,
                "update_digest": verdict.update_digest,
                "policy_digest": verdict.policy_digest,
                "evidence_digest": verdict.evidence_digest,
                "not_run": list(verdict.not_run),
            },
        )
    return state


def abandon(workspace: Workspace, update_id: str, steps: Steps, error: BaseException) -> None:
    """End a run without a verdict and leave its update ERRORED; a run that has ended, or never began, stays as it is.

    Raises:
        HandedOver: somebody else has the run now.
    """
    with workspace.store.transaction() as session:
        steps.hold(session)
        abandon_in(session, update_id, steps.run_id, error=type(error).__name__)


def abandon_in(session: Session, update_id: str, run_id: str, *, error: str) -> None:
    """Do what :func:`abandon` does in the caller's transaction; ``error`` is one word for the ledger."""
    row, run = updates.find(session, update_id), runs.find(session, run_id)
    if row is None or run is None or row.state is not State.EVALUATING or run.finished is not None:
        return
    runs.finish(session, run.id)
    updates.move(session, update_id, State.ERRORED)
    append(
        session,
        type=Event.RUN_ERRORED,
        actor=ACTOR,
        subject=update_id,
        data={"run": run.id, "policy_digest": run.policy_digest, "error": error},
    )
