"""Second and third stage: run the gates, let the policy decide, and keep both.

Order: EVALUATING and the run's leaf; each report with its leaf as soon as it exists; the verdict, its leaf and the new
state in one transaction. Whatever ends a run before its verdict, an interrupt included, leaves the update ERRORED.
"""

import time
from collections.abc import Callable
from pathlib import Path

from audits.ledger.events import Event
from audits.ledger.leaf import label
from audits.ledger.log import append
from gatekeeper.core.digests import sha256_file
from gatekeeper.core.errors import InputError
from gatekeeper.core.gate import GateContext, Progress, Resources
from gatekeeper.core.states import State
from gatekeeper.core.update import Update
from gatekeeper.core.verdict import Outcome, Verdict
from gatekeeper.intake.artifact import read_artifact
from gatekeeper.intake.rows import open_rows
from gatekeeper.pipeline.accepted_rows import ComparedHistory, history_of, keep_counts, note_compared
from gatekeeper.pipeline.collect import GateRun, Watcher, collect
from gatekeeper.pipeline.outcome import Checked
from gatekeeper.pipeline.principal import ACTOR
from gatekeeper.pipeline.quarantine.counted import (
    CountedReleases,
    counted_releases,
    note_releases,
    without_released,
)
from gatekeeper.pipeline.references import Reference
from gatekeeper.pipeline.row_history import history_of_rows
from gatekeeper.pipeline.workspace import Workspace, environment
from gatekeeper.store import runs, updates
from policies.decide import decide
from policies.policy import Policy, Section, normal_form


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
) -> Checked:
    """Evaluate an update and return it with its verdict.

    Args:
        workspace: where things are kept.
        update: in state SUBMITTED, ERRORED or STALE.
        policy: decides; its digest is bound to the verdict.
        champion: what to compare with; ``None`` applies the policy's ``certify`` section.
        anchor: reference for cumulative drift.
        resources: what gates share, such as the evaluation session.
        watcher: told when gates start and end.
        progress: told what happens inside a gate.
    """
    began = time.monotonic()
    section: Section = "gates" if champion is not None else "certify"
    compared = history_of(workspace, update.model) if update.data else None
    released = counted_releases(workspace, update, policy, section)
    run_id = _begin(workspace, update, policy, champion, anchor, compared=compared, released=released)
    evidence_dir = workspace.evidence_dir / run_id
    seeing_less = {each.gate: without_released(workspace.catalogue[each.gate], each) for each in released}
    catalogue = {**workspace.catalogue, **seeing_less}

    def context(workdir: Path) -> GateContext:
        return GateContext(
            update=update,
            champion=champion.artifact if champion else None,
            anchor=anchor.artifact if anchor else None,
            rows=open_rows(update.data.path) if update.data else None,
            workdir=workdir,
            seed=policy.seed,
            resources=resources,
            progress=progress,
            history=compared.history if compared else None,
        )

    try:
        collected = collect(
            policy,
            section,
            catalogue,
            context,
            evidence_dir=evidence_dir,
            watcher=watcher,
            keep=_keeper(workspace, update, run_id),
        )
        _require_unchanged(update)
        verdict = decide(
            policy, collected.reports, update_digest=update.digest, section=section, not_run=collected.not_run
        )
        state = _conclude(workspace, update, run_id, verdict, policy)
    except BaseException as error:
        _abandon(workspace, update, run_id, policy, error)
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


def state_after(verdict: Verdict) -> State:
    """Return where a verdict leaves an update: an error is never a pass, and a review is decided by people."""
    if verdict.errored:
        return State.ERRORED
    return State.BLOCKED if verdict.outcome is Outcome.BLOCK else State.PENDING_APPROVAL


def _begin(
    workspace: Workspace,
    update: Update,
    policy: Policy,
    champion: Reference | None,
    anchor: Reference | None,
    *,
    compared: ComparedHistory | None,
    released: tuple[CountedReleases, ...],
) -> str:
    run_id = runs.new_run_id()
    with workspace.store.transaction() as session:
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
    return run_id


def _keeper(workspace: Workspace, update: Update, run_id: str) -> Callable[[GateRun], None]:
    def keep(run: GateRun) -> None:
        with workspace.store.transaction() as session:
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


def _conclude(workspace: Workspace, update: Update, run_id: str, verdict: Verdict, policy: Policy) -> State:
    state = state_after(verdict)
    promotable = state is State.PENDING_APPROVAL
    counts = history_of_rows(open_rows(update.data.path)) if update.data and promotable else None
    with workspace.store.transaction() as session:
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


def _abandon(workspace: Workspace, update: Update, run_id: str, policy: Policy, error: BaseException) -> None:
    with workspace.store.transaction() as session:
        row = updates.find(session, update.id)
        if row is None or row.state is not State.EVALUATING:
            return
        runs.finish(session, run_id)
        updates.move(session, update.id, State.ERRORED)
        append(
            session,
            type=Event.RUN_ERRORED,
            actor=ACTOR,
            subject=update.id,
            data={"run": run_id, "policy_digest": policy.digest, "error": type(error).__name__},
        )
