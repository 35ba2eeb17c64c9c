"""An installation whose gates ask the tiny model long suites, here or on a cluster."""

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from long_suite import longer
from people import PEOPLE, notary
from registry import FakeRegistry
from tiny_policy import tiny_policy_text

from gatekeeper.gates.catalogue import discover
from gatekeeper.pipeline import run
from gatekeeper.pipeline.collect import folder_of
from gatekeeper.pipeline.submit import Proposal
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.runtime.stored import StoredRuntime
from gatekeeper.store import runs, updates
from gatekeeper.store.database import create_store
from policies.load import policy_from_text

_LONG = ("knowledge", "instructions")


@contextmanager
def opened(argument):
    """Open the installation that a JSON object names by its folder."""
    root = Path(json.loads(argument)["root"])
    catalogue = discover()
    policy = policy_from_text((root / "policy.yaml").read_text(), catalogue)
    store = create_store(f"sqlite:///{root / 'gatekeeper.db'}")
    registry = FakeRegistry(root=root / "registry")
    try:
        yield Workspace(
            store=store,
            registry=registry,
            catalogue=catalogue,
            principals=PEOPLE,
            notary=notary(root, registry.id, policy),
            pseudonym_key=b"k" * 32,
            intake_dir=root / "intake",
            evidence_dir=root / "evidence",
            versions_dir=root / "versions",
            cache_dir=root / "cache",
            dtype="float32",
            lock_file=root / "promotion.lock",
        )
    finally:
        store.close()


@dataclass
class RayWorld:
    """The installation as a test sees it."""

    root: Path
    workspace: Workspace
    update: str
    run: str

    @property
    def runtime(self):
        return StoredRuntime(self.workspace.store)

    def worker(self, *, environment=None, ray=None):
        """Start a worker as a process of its own, which ends when nothing is left to do."""
        told = {
            "function": "ray_world:opened",
            "argument": json.dumps({"root": str(self.root)}),
            "runtime": f"sqlite:///{self.root / 'runtime.db'}",
            "die_at": "",
            "after": "",
            "limits": {"poll_seconds": 0.05, "beat_seconds": 0.5, "lease_seconds": 60.0},
            "ray": ray,
        }
        here = Path(__file__).resolve()
        path = os.pathsep.join([str(here.parent), str(here.parents[2])])
        return subprocess.Popen(
            [sys.executable, str(here.parent / "durable_worker.py"), json.dumps(told)],
            env={**(environment or os.environ), "PYTHONPATH": path},
        )

    def shards(self, gate=None):
        """What was said when each shard was kept, in order."""
        kept = [event for event in self.runtime.events(self.run) if event.kind == "shard-kept"]
        return [event.detail for event in kept if gate in {None, event.gate}]

    def outcome(self):
        """The verdict with its reasons, the digest of every report, and every item's line of the samples."""
        with self.workspace.store.reading() as session:
            verdict = runs.verdict(session, self.run)
            reports = {report.gate: report.digest for report in runs.reports(session, self.run)}
            state = updates.require(session, self.update).state
        folder = folder_of(self.workspace.evidence_dir / self.run, "behaviour/regression")
        samples = {path.name: path.read_bytes() for path in sorted(folder.glob("samples-*"))}
        return state, verdict and verdict.outcome, reports, samples


@contextmanager
def ray_world(root, tiny_world, *, times=30):
    """Make an installation, with a first champion that waits for its evaluation."""
    root.mkdir(parents=True, exist_ok=True)
    long = {name: longer(tiny_world.suites[name], root / f"{name}.jsonl", times) for name in _LONG}
    knowledge, instructions = (long[name].as_posix() for name in _LONG)
    text = tiny_policy_text({**tiny_world.suites, **long}).replace(
        f'suites: ["{knowledge}"]', f'suites: ["{knowledge}", "{instructions}"]'
    )
    (root / "policy.yaml").write_text(text)
    with opened(json.dumps({"root": str(root)})) as workspace:
        policy = policy_from_text(text, workspace.catalogue)
        proposal = Proposal(
            name="champion",
            model="tiny",
            artifact=tiny_world.champion,
            data=None,
            submitter="zelda",
            base=tiny_world.base,
        )
        update = run.propose(workspace, proposal, policy, first=True).id
        queued = StoredRuntime(workspace.store).enqueue(update, policy)
        yield RayWorld(root=root, workspace=workspace, update=update, run=queued)
