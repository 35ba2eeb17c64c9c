"""Keeps every evaluated update in the registry: evidence always, the bytes only when they may yet be promoted.

A blocked candidate is never stored as a model version, so that nobody can point an alias at it. What is stored is
fetched and hashed again before it is promoted; tags are an index for people and never evidence.
"""

from audits.ledger.events import Event
from audits.ledger.leaf import label
from audits.ledger.log import append
from gatekeeper.core.states import State
from gatekeeper.pipeline.judge import ACTOR
from gatekeeper.pipeline.outcome import Checked
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import updates

_MAX_TAG = 400


def register(workspace: Workspace, checked: Checked) -> str | None:
    """Store an update's evidence, and its bytes when it waits for approval; return the version, or ``None``.

    Raises:
        RegistryError: the registry cannot be reached; the verdict stands, and proposing again repeats this.
    """
    update = checked.update
    evidence_dir = workspace.evidence_dir / checked.run_id
    metrics = {
        f"{report.gate}/{metric.name}": metric.value
        for report in checked.reports.values()
        for metric in report.metrics
    }
    tags = {
        "gatekeeper.name": update.name[:_MAX_TAG],
        "gatekeeper.outcome": checked.verdict.outcome.name,
        "gatekeeper.policy": checked.policy.name[:_MAX_TAG],
        "gatekeeper.policy_digest": checked.verdict.policy_digest,
        "gatekeeper.evidence_digest": checked.verdict.evidence_digest,
    }
    if checked.state is not State.PENDING_APPROVAL:
        workspace.registry.log_evidence(update, evidence_dir=evidence_dir, metrics=metrics, tags=tags)
        return None
    workspace.registry.ensure_model(update.model)
    logged = workspace.registry.log_candidate(update, evidence_dir=evidence_dir, metrics=metrics, tags=tags)
    with workspace.store.transaction() as session:
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
