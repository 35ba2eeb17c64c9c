"""Keeps every evaluated update in the registry: evidence always, the bytes only when they may yet be promoted.

A blocked candidate is not stored as a model version, so that nobody can point an alias at it, unless administrators
break the glass for it. What is stored is
fetched and hashed again before it is promoted; tags are an index for people and never evidence.
"""

from collections.abc import Callable, Iterable

from sqlalchemy.orm import Session

from audits.ledger.events import Event
from audits.ledger.leaf import label
from audits.ledger.log import append
from gatekeeper.core.errors import VerificationError
from gatekeeper.core.findings import GateReport
from gatekeeper.core.states import State
from gatekeeper.core.update import Update
from gatekeeper.core.verdict import Verdict
from gatekeeper.intake.artifact import read_artifact
from gatekeeper.pipeline.outcome import Checked
from gatekeeper.pipeline.principal import ACTOR
from gatekeeper.pipeline.standing import binding_of
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import runs, updates

_MAX_TAG = 400


def nobody_else(session: Session) -> None:
    """Return: only this process can have the run."""
    del session


def register(workspace: Workspace, checked: Checked, hold: Callable[[Session], None] = nobody_else) -> str | None:
    """Store an update's evidence, and its bytes when it waits for approval; return the version, or ``None``.

    Repeated after a process died, it may leave an unused copy in the registry, and never a second ledger entry.

    Args:
        workspace: where things are kept.
        checked: the update with its verdict.
        hold: called in the transaction that writes the version down; raises where the run is somebody else's.

    Raises:
        RegistryError: the registry cannot be reached; the verdict stands, and proposing again repeats this.
    """
    update = checked.update
    metrics = _metrics(checked.reports.values())
    tags = _tags(update, checked.verdict, checked.policy.name)
    if checked.state is not State.PENDING_APPROVAL:
        evidence_dir = workspace.evidence_dir / checked.run_id
        workspace.registry.log_evidence(update, evidence_dir=evidence_dir, metrics=metrics, tags=tags)
        return None
    with workspace.store.reading() as session:
        known = updates.require(session, update.id).registered_version
    if known is not None and checked.resumed:
        return known
    return _store(workspace, update, run_id=checked.run_id, metrics=metrics, tags=tags, hold=hold)


def register_blocked(workspace: Workspace, update_id: str) -> str:
    """Store the bytes of a blocked update that administrators broke the glass for; return the version.

    Harmless when repeated: what is registered stays what it is.

    Raises:
        VerificationError: our own copy is not what was judged any more.
        RegistryError: the registry cannot be reached.
    """
    with workspace.store.reading() as session:
        row = updates.require(session, update_id)
        run, verdict, _binding = binding_of(session, row)
        reports = runs.reports(session, run.id)
    if row.registered_version is not None:
        return row.registered_version
    update = updates.as_update(row)
    if read_artifact(update.candidate.path, update.candidate.base).manifest.digest != update.digest:
        raise VerificationError(
            f"The kept files of update {update_id} are not the ones that were judged.",
            hint="Somebody changed the intake folder: propose the update again.",
        )
    tags = _tags(update, verdict, run.policy_name)
    return _store(workspace, update, run_id=run.id, metrics=_metrics(reports), tags=tags)


def _metrics(reports: Iterable[GateReport]) -> dict[str, float]:
    return {f"{report.gate}/{metric.name}": metric.value for report in reports for metric in report.metrics}


def _tags(update: Update, verdict: Verdict, policy_name: str) -> dict[str, str]:
    return {
        "gatekeeper.name": update.name[:_MAX_TAG],
        "gatekeeper.outcome": verdict.outcome.name,
        "gatekeeper.policy": policy_name[:_MAX_TAG],
        "gatekeeper.policy_digest": verdict.policy_digest,
        "gatekeeper.evidence_digest": verdict.evidence_digest,
    }


def _store(
    workspace: Workspace,
    update: Update,
    *,
    run_id: str,
    metrics: dict[str, float],
    tags: dict[str, str],
    hold: Callable[[Session], None] = nobody_else,
) -> str:
    """Store an update's bytes as a version, and write down which."""
    evidence_dir = workspace.evidence_dir / run_id
    workspace.registry.ensure_model(update.model)
    logged = workspace.registry.log_candidate(update, evidence_dir=evidence_dir, metrics=metrics, tags=tags)
    with workspace.store.transaction() as session:
        hold(session)
        updates.registered_as(session, update.id, logged.version)
        append(
            session,
            type=Event.CANDIDATE_LOGGED,
            actor=ACTOR,
            subject=update.id,
            data={
                "registry": workspace.registry.id,
                "model": label(update.model),
                "version": logged.version,
                "update_digest": update.digest,
            },
        )
    return logged.version
