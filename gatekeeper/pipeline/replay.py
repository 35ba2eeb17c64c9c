"""A verdict decided once more, from exactly what its run kept: policy, reports, and what people accepted."""

from dataclasses import dataclass

from gatekeeper.core.verdict import Verdict
from gatekeeper.pipeline.standing import binding_of
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import runs, updates
from policies.decide import decide
from policies.form import policy_from_form
from policies.policy import Section


@dataclass(frozen=True, slots=True, kw_only=True)
class Replayed:
    """What a run decided, and what the same evidence gives now."""

    run: str
    kept: Verdict
    again: Verdict

    @property
    def same(self) -> bool:
        """Whether every reason, digest and word is the same."""
        return self.kept == self.again


def replay(workspace: Workspace, update_id: str) -> Replayed:
    """Decide the newest run of an update once more.

    Raises:
        UsageError: there is no such update.
        StateError: it has no verdict.
        PolicyError: a gate that the policy names is not installed, or takes other parameters.
        VerificationError: policy or reports are not those that were written down.
    """
    with workspace.store.reading() as session:
        row = updates.require(session, update_id)
        run, verdict, _binding = binding_of(session, row)
        reports = {report.gate: report for report in runs.reports(session, run.id)}
        section: Section = "gates" if row.champion_version is not None else "certify"
        form = run.policy
    policy = policy_from_form(form, workspace.catalogue, digest=run.policy_digest)
    again = decide(
        policy,
        reports,
        update_digest=verdict.update_digest,
        section=section,
        not_run=verdict.not_run,
        waived=verdict.waived,
    )
    return Replayed(run=run.id, kept=verdict, again=again)
