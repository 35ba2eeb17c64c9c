"""What a run kept before its process died, checked before anything is built on it."""

from collections.abc import Sequence

from gatekeeper.core.digests import sha256_file
from gatekeeper.core.errors import InputError, StateError, VerificationError
from gatekeeper.core.update import Update
from gatekeeper.pipeline.collect import GateRun, folder_of
from gatekeeper.pipeline.outcome import Checked, state_after
from gatekeeper.pipeline.quarantine.counted import CountedReleases
from gatekeeper.pipeline.references import Reference
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import runs, updates
from policies.policy import Policy


def kept_run(workspace: Workspace, run_id: str, gate_id: str) -> GateRun | None:
    """Return what a gate has reported in this run, with its attachments in place; ``None`` when it has not.

    Raises:
        VerificationError: report or attachments are not those that were written down.
    """
    with workspace.store.reading() as session:
        report = runs.report(session, run_id, gate_id)
        seconds = runs.seconds(session, run_id).get(gate_id, 0.0)
    if report is None:
        return None
    folder = folder_of(workspace.evidence_dir / run_id, gate_id)
    for attachment in report.attachments:
        file = folder / attachment.name
        if not file.is_file() or sha256_file(file) != attachment.sha256:
            raise VerificationError(
                f"The attachment {attachment.name} of {gate_id} in run {run_id} is not what was written down.",
                hint="Every worker needs the same evidence folder. Evaluate the update again.",
            )
    return GateRun(report=report, seconds=seconds)


def require_same_world(
    workspace: Workspace,
    run_id: str,
    policy: Policy,
    *,
    champion: Reference | None,
    anchor: Reference | None,
    released: Sequence[CountedReleases],
) -> None:
    """Return when a run that goes on compares with exactly what it began with.

    Raises:
        StateError: the run has ended.
        InputError: champion, anchor, policy or releases changed, so its first reports and its later ones would
            answer different questions.
    """
    with workspace.store.reading() as session:
        run = runs.require(session, run_id)
        row = updates.require(session, run.update_id)
        began = (row.champion_version, row.champion_digest, run.policy_digest)
    if run.finished is not None:
        raise StateError(f"Run {run_id} has ended without a verdict.", hint="Evaluate the update again.")
    known = run.environment if isinstance(run.environment, dict) else {}
    now = (
        champion.version if champion else None,
        champion.artifact.manifest.digest if champion else None,
        policy.digest,
    )
    same_anchor = known.get("anchor_version") == (anchor.version if anchor else None)
    same_releases = known.get("releases") == {each.gate: list(each.ids) for each in released}
    if began != now or not same_anchor or not same_releases:
        raise InputError(
            f"What run {run_id} compares with changed while it was interrupted.", hint="Evaluate the update again."
        )


def judged_before(workspace: Workspace, update: Update, policy: Policy, run_id: str) -> Checked | None:
    """Return an update with the verdict this run made before its process died; ``None`` when it made none."""
    with workspace.store.reading() as session:
        verdict = runs.verdict(session, run_id)
        if verdict is None:
            return None
        reports = runs.reports(session, run_id)
        seconds = runs.seconds(session, run_id)
        version = updates.require(session, update.id).champion_version
    return Checked(
        update=update,
        run_id=run_id,
        state=state_after(verdict),
        verdict=verdict,
        runs=tuple(GateRun(report=report, seconds=seconds[report.gate]) for report in reports),
        policy=policy,
        champion_version=version,
        seconds=sum(seconds.values()),
        resumed=True,
    )
