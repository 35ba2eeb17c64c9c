"""What every gate of one run measures against, small enough to hand to another process."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gatekeeper.core.errors import StateError
from gatekeeper.core.gate import Gate, GateContext, Progress, Resources
from gatekeeper.core.update import Artifact, Update
from gatekeeper.intake.rows import open_rows
from gatekeeper.pipeline.accepted_rows import ComparedHistory, history_of_run
from gatekeeper.pipeline.collect import GateRun, run_gate
from gatekeeper.pipeline.quarantine.counted import CountedReleases, without_released
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store import runs, updates
from policies.form import policy_from_form
from policies.policy import Section


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """One run's update, and what it is compared with."""

    run_id: str
    update_id: str
    champion: Artifact | None
    """``None`` when a first champion is certified."""
    anchor: Artifact | None
    released: tuple[CountedReleases, ...]

    @property
    def section(self) -> Section:
        """Which of the policy's lists applies."""
        return "gates" if self.champion is not None else "certify"

    def catalogue(self, workspace: Workspace) -> Mapping[str, Gate[Any]]:
        """Return every gate; some do not see the rows that people released from them."""
        seeing_less = {each.gate: without_released(workspace.catalogue[each.gate], each) for each in self.released}
        return {**workspace.catalogue, **seeing_less}

    def context(
        self, update: Update, compared: ComparedHistory | None, *, seed: int, resources: Resources, progress: Progress
    ) -> Callable[[Path], GateContext]:
        """Return what gives a gate everything it may look at, by its evidence folder."""

        def make(workdir: Path) -> GateContext:
            return GateContext(
                update=update,
                champion=self.champion,
                anchor=self.anchor,
                rows=open_rows(update.data.path) if update.data else None,
                workdir=workdir,
                seed=seed,
                resources=resources,
                progress=progress,
                history=compared.history if compared else None,
            )

        return make


def measure_alone(
    workspace: Workspace, bench: Bench, gate_id: str, resources: Resources, progress: Progress, *, evidence_dir: Path
) -> GateRun:
    """Return what one gate of a run under way measures, in a process that knows nothing else of the run.

    Args:
        workspace: where things are kept.
        bench: what the gate measures against.
        gate_id: which.
        resources: what gates share.
        progress: told what happens inside the gate.
        evidence_dir: the gate gets a folder of its own below it.

    Raises:
        StateError: the run's policy does not ask for this gate.
        VerificationError: what the run wrote down at its beginning was changed.
    """
    with workspace.store.reading() as session:
        update = updates.as_update(updates.require(session, bench.update_id))
        run = runs.require(session, bench.run_id)
    policy = policy_from_form(run.policy, workspace.catalogue, digest=run.policy_digest)
    rule = policy.rule(gate_id, section=bench.section)
    if rule is None:
        raise StateError(f"Run {bench.run_id} does not ask for {gate_id}.", hint="Evaluate the update again.")
    make = bench.context(
        update, history_of_run(workspace, run.id), seed=run.seed, resources=resources, progress=progress
    )
    return run_gate(bench.catalogue(workspace)[gate_id], rule, make, evidence_dir)
