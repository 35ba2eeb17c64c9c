"""An installation that several processes open: three quick gates whose behaviour is set by files in its folder.

``hold`` lets the middle gate compute until the file goes, ``eat`` lets it take memory, ``fall`` lets its process end,
``computed`` gets a line for every gate that began to compute, and ``sharded`` for every part of the middle one.
"""

import json
import os
import secrets
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from people import PEOPLE, notary
from quick_world import weights
from registry import FakeRegistry

from gatekeeper.core.findings import Metric
from gatekeeper.core.gate import NoParams, gate
from gatekeeper.core.shards import Shards
from gatekeeper.pipeline import run
from gatekeeper.pipeline.submit import Proposal
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.runtime.opener import Opener
from gatekeeper.runtime.stored import StoredRuntime
from gatekeeper.store.database import create_store
from policies.load import policy_from_text

GATES = ("artifact/first", "artifact/middle", "artifact/last")

SHARDS = 3
"""Parts of the middle gate, which waits in its last one."""

_LIMITS = """
    limits:
      - id: some
        admit: 'm["files"].value > 0.0'
        because: "{m[files].value} files."
"""
_SECTION = "".join(f"  - gate: {name}{_LIMITS}" for name in GATES)
_POLICY = f"""
policy: durable
version: 1
about: For runs that outlive their workers.
gates:
{_SECTION}
certify:
{_SECTION}
approvals: {{required: 1, roles: [approver], distinct_from: [submitter], expires_hours: 72}}
"""


def _root(context):
    return context.workdir.parents[3] if ".attempt" in str(context.workdir) else context.workdir.parents[2]


def _begin(root, name):
    _note(root / "computed", name)


def _note(file, line):
    with file.open("a") as stream:
        stream.write(f"{line}\n")


def _measured(made, context):
    (context.workdir / "listing.txt").write_text(
        "\n".join(sorted(path.name for path in context.update.candidate.path.iterdir()))
    )
    files = sum(1 for _ in context.update.candidate.path.iterdir())
    metric = Metric(name="files", value=float(files), unit="files", n=files)
    return made.measured(metrics=(metric,), attachments=(context.attach("listing.txt"),))


@gate("artifact/first", asks="Are there files?", params=NoParams)
def first(context, params):
    _begin(_root(context), first.id)
    return _measured(first, context)


@gate("artifact/middle", asks="Are there files, after some time?", params=NoParams)
def middle(context, params):
    root = _root(context)
    _begin(root, middle.id)
    if (root / "fall").exists():
        os._exit(7)
    shards = context.resources.get(Shards)
    for number in range(SHARDS):
        if shards.find(f"part {number}") is None:
            _note(root / "sharded", str(number))
            if number == SHARDS - 1:
                _wait(root)
            shards.keep(f"part {number}", str(number).encode(), says=f"part {number}")
    return _measured(middle, context)


def _wait(root):
    eaten = []
    while (root / "hold").exists() or (root / "eat").exists():
        if (root / "eat").exists() and len(eaten) < 600:
            eaten.append(bytearray(os.urandom(1 << 20)))
        time.sleep(0.005)


@gate("artifact/last", asks="Are there still files?", params=NoParams)
def last(context, params):
    _begin(_root(context), last.id)
    return _measured(last, context)


CATALOGUE = {each.id: each for each in (first, middle, last)}
POLICY = policy_from_text(_POLICY, CATALOGUE)


class ForgetfulRegistry(FakeRegistry):
    """Keeps what each process stores apart, as a registry does that gives out its own names."""

    def __init__(self, root):
        super().__init__(root=root / secrets.token_hex(4))


@contextmanager
def opened(argument):
    """Open the installation that a JSON object names by its folder and its database."""
    told = json.loads(argument)
    root = Path(told["root"])
    store = create_store(told["database"])
    registry = ForgetfulRegistry(root / "registry")
    try:
        yield Workspace(
            store=store,
            registry=registry,
            catalogue=CATALOGUE,
            principals=PEOPLE,
            notary=notary(root, registry.id, POLICY),
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
class DurableWorld:
    """The installation as a test sees it."""

    root: Path
    database: str
    runtime_database: str
    workspace: Workspace
    runtime: StoredRuntime

    @property
    def argument(self):
        return json.dumps({"root": str(self.root), "database": self.database})

    @property
    def opener(self):
        return Opener(function="durable_world:opened", argument=self.argument)

    def propose(self, model="quick"):
        """Propose a first champion; return its id."""
        proposal = Proposal(
            name="an update", model=model, artifact=weights(self.root / "made"), data=None, submitter="zelda"
        )
        return run.propose(self.workspace, proposal, POLICY, first=True).id

    def queued(self, model="quick"):
        """Propose and queue; return the ids of update and run."""
        update = self.propose(model)
        return update, self.runtime.enqueue(update, POLICY)

    def worker(self, *, die_at="", after="", device="here", **limits):
        """Start a worker as a process of its own, which ends when nothing is left to do.

        ``die_at`` names the point at which it is killed; with ``after``, once that gate has begun to compute.
        """
        told = {
            "argument": self.argument,
            "runtime": self.runtime_database,
            "die_at": die_at,
            "after": after,
            "device": device,
            "limits": {"poll_seconds": 0.05, "beat_seconds": 0.2, "lease_seconds": 2.0, **limits},
        }
        here = Path(__file__).resolve()
        path = os.pathsep.join([str(here.parent), str(here.parents[2])])
        return subprocess.Popen(
            [sys.executable, str(here.parent / "durable_worker.py"), json.dumps(told)],
            env={**os.environ, "PYTHONPATH": path},
        )

    def computed(self):
        """The gates that began to compute, in order."""
        file = self.root / "computed"
        return file.read_text().split() if file.exists() else []

    def sharded(self):
        """The parts of the middle gate that began to compute, in order."""
        return [int(line) for line in (self.root / "sharded").read_text().split()]

    def await_computing(self, name):
        """Return once a gate computes."""
        while name not in self.computed():
            time.sleep(0.02)


@contextmanager
def durable_world(root, database=None, runtime_database=None):
    """Make an installation below a folder."""
    database = database or f"sqlite:///{root / 'gatekeeper.db'}"
    argument = json.dumps({"root": str(root), "database": database})
    with opened(argument) as workspace:
        yield DurableWorld(
            root=root,
            database=database,
            runtime_database=runtime_database or f"sqlite:///{root / 'runtime.db'}",
            workspace=workspace,
            runtime=StoredRuntime(workspace.store),
        )
