"""A world whose updates are judged in milliseconds: one gate that counts files, full weights of a few bytes.

Everything around the gate is real: intake, ledger, approvals with people's own keys, passports, registry.
"""

import itertools
import json
from pathlib import Path

from people import PEOPLE, approve, notary

from gatekeeper.core.findings import Metric
from gatekeeper.core.gate import NoParams, Resources, gate
from gatekeeper.pipeline import run
from gatekeeper.pipeline.submit import Proposal
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store.database import create_store
from policies.load import policy_from_text

MODEL = "quick"

_POLICY = """
policy: quick
version: 1
about: For updates of a few bytes.
gates:
  - gate: artifact/count
    limits:
      - id: some
        admit: 'm["files"].value > 0.0'
        because: "{m[files].value} files."
certify:
  - gate: artifact/count
    limits:
      - id: some
        admit: 'm["files"].value > 0.0'
        because: "{m[files].value} files."
approvals: {required: %d, roles: [approver], distinct_from: [submitter], expires_hours: 72}
"""


@gate("artifact/count", asks="Are there files?", params=NoParams)
def count(context, params):
    files = sum(1 for path in context.update.candidate.path.iterdir())
    return count.measured(metrics=(Metric(name="files", value=float(files), unit="files", n=files),))


CATALOGUE = {count.id: count}


def quick_policy(required=1):
    return policy_from_text(_POLICY % required, CATALOGUE)


def quick_workspace(root: Path, registry, *, policies=None, database_url=None, people=PEOPLE, signs=None) -> Workspace:
    """Open a workspace below ``root``; with the former notary as ``signs``, a second call opens the same one."""
    return Workspace(
        store=create_store(database_url or f"sqlite:///{root / 'gatekeeper.db'}"),
        registry=registry,
        catalogue=CATALOGUE,
        principals=people,
        notary=signs or notary(root, registry.id, *(policies or (quick_policy(),)), people=people),
        pseudonym_key=b"k" * 32,
        intake_dir=root / "intake",
        evidence_dir=root / "evidence",
        versions_dir=root / "versions",
        cache_dir=root / "cache",
        dtype="float32",
        lock_file=root / "promotion.lock",
    )


_numbers = itertools.count(1)


def weights(root: Path) -> Path:
    """Return a new folder of full weights, unlike any other."""
    folder = root / f"weights-{next(_numbers)}"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"model_type": "quick"}))
    (folder / "model.safetensors").write_bytes(str(folder).encode())
    return folder


def proposed(workspace, root: Path, policy, *, first=False, submitter="zelda", prepare=None, model=MODEL, **more):
    """Propose an update, or a first champion, and return its checked value; ``prepare`` may change its folder."""
    folder = weights(root)
    if prepare is not None:
        prepare(folder)
    proposal = Proposal(name="an update", model=model, artifact=folder, data=None, submitter=submitter, **more)
    stage = run.certify if first else run.check
    return stage(workspace, proposal, policy, Resources())


def agreed(workspace, root: Path, policy, *, first=False, by=("dana",), **more):
    """Propose an update that people agree to at once; return its id."""
    checked = proposed(workspace, root, policy, first=first, **more)
    for name in ("dana", "kim") if first else by:
        approve(workspace, checked.update_id, person=name, policy=policy)
    return checked.update_id
