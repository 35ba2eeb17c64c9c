"""An installation whose policy has a data gate that flags rows by a word, with scans and proposals of rows."""

import dataclasses
import json

from people import PEOPLE, approve, key_of, notary
from quick_world import CATALOGUE, MODEL, quick_workspace, weights
from registry import FakeRegistry
from scan_gates import flagging

from gatekeeper.core.gate import Resources, SilentProgress
from gatekeeper.pipeline import run
from gatekeeper.pipeline.collect import Watcher
from gatekeeper.pipeline.promote import promote
from gatekeeper.pipeline.quarantine.release import Reviewer, release_rows
from gatekeeper.pipeline.scan.report import Asked
from gatekeeper.pipeline.scan.run import scan
from gatekeeper.pipeline.submit import Proposal
from gatekeeper.store import entries
from policies.load import policy_from_text

_GATE = """
  - gate: {gate}
    unmeasured: block
    limits:
      - id: none
        admit: 'm["flagged"].value == 0.0'
        because: "{{m[flagged].value}} rows flagged."
"""
_CERTIFY = """
certify:
  - gate: artifact/count
    limits:
      - id: some
        admit: 'm["files"].value > 0.0'
        because: "{m[files].value} files."
"""

ROWS = ("plain", "an odd one", "plain too", "an odd and strange one", "the last")
"""Row 1 is flagged by one gate, row 3 by two."""


def words(name, word, **more):
    return flagging(name, lambda row: word in row.response, **more)


class QuarantineWorld:
    def __init__(self, root, *, people=PEOPLE, gates=(("data/odd", "odd"), ("data/strange", "strange")), failing=None):
        self.root = root
        made = [words(name, word, then=failing if name == "data/strange" else None) for name, word in gates]
        self.catalogue = {**CATALOGUE, **{each.id: each for each in made}}
        self.policy = self.policy_with(1)
        registry = FakeRegistry(root=root / "registry")
        signs = notary(root, registry.id, self.policy, people=people)
        opened = quick_workspace(root, registry, signs=signs, people=people)
        self.workspace = dataclasses.replace(opened, catalogue=self.catalogue)

    def policy_with(self, version):
        named = [name for name in self.catalogue if name.startswith("data/")]
        text = f"policy: waiting\nversion: {version}\nstop_early: false\ngates:\n"
        return policy_from_text(text + "".join(_GATE.format(gate=name) for name in named) + _CERTIFY, self.catalogue)

    def write(self, name="rows.jsonl", rows=ROWS):
        path = self.root / name
        path.write_text("".join(json.dumps({"text": text}) + "\n" for text in rows), encoding="utf-8")
        return path

    def scan(self, path=None, out="out", policy=None):
        whole = policy or self.policy
        only = dataclasses.replace(whole, certify=())
        asked = Asked(file=path or self.write(), out=self.root / out, policy=whole, scanned=only)
        scan(asked, self.catalogue, watcher=Watcher(), progress=SilentProgress())
        return self.root / out

    def release(self, folder, *rows, person="dana", because="It is harmless.", key=None, policy=None):
        reviewer = Reviewer(person=person, policy=policy or self.policy, because=because)
        return release_rows(self.workspace, folder, rows, reviewer, key=key or key_of(person))

    def champion(self):
        proposal = Proposal(name="c", model=MODEL, artifact=weights(self.root), data=None, submitter="zelda")
        checked = run.certify(self.workspace, proposal, self.policy, Resources())
        for name in ("dana", "kim"):
            approve(self.workspace, checked.update_id, person=name, policy=self.policy)
        promote(self.workspace, checked.update_id, policy=self.policy)

    def propose(self, data, *, submitter="zelda", workspace=None, policy=None, **more):
        proposal = Proposal(name="u", model=MODEL, artifact=weights(self.root), data=data, submitter=submitter, **more)
        return run.check(workspace or self.workspace, proposal, policy or self.policy, Resources())

    def leaves(self, type):
        with self.workspace.store.reading() as session:
            return [json.loads(entry.leaf) for entry in entries.of_type(session, type)]


def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def texts(path):
    return [line["text"] for line in lines(path)]
