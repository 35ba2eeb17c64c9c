"""A workspace with a registry in memory, and the tiny world's policy."""

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
from broken_glass import agree, ask
from people import PEOPLE, approve, notary
from registry import FakeRegistry
from tiny_policy import tiny_policy_text

from gatekeeper.core.states import State
from gatekeeper.gates.catalogue import discover
from gatekeeper.pipeline import run
from gatekeeper.pipeline.promote import promote
from gatekeeper.pipeline.reconcile import reconcile_round
from gatekeeper.pipeline.submit import Proposal
from gatekeeper.pipeline.workspace import Workspace
from gatekeeper.store.database import create_store
from policies.load import policy_from_text

MODEL = "tiny"


@pytest.fixture
def registry(tmp_path):
    return FakeRegistry(root=tmp_path / "registry")


@pytest.fixture
def workspace(tmp_path, registry, item_cache, policy):
    store = create_store(f"sqlite:///{tmp_path / 'gatekeeper.db'}")
    yield Workspace(
        store=store,
        registry=registry,
        catalogue=discover(),
        principals=PEOPLE,
        notary=notary(tmp_path, registry.id, policy),
        pseudonym_key=b"k" * 32,
        intake_dir=tmp_path / "intake",
        evidence_dir=tmp_path / "evidence",
        versions_dir=tmp_path / "versions",
        cache_dir=item_cache,
        dtype="float32",
        lock_file=tmp_path / "promotion.lock",
    )
    store.close()


@pytest.fixture
def policy(tiny_world):
    return policy_from_text(tiny_policy_text(tiny_world.suites), discover())


@pytest.fixture
def propose(workspace, tiny_world, policy):
    """Evaluate one of the tiny world's updates, or any folder."""

    def evaluate(name, *, artifact=None, data=None, policy=policy, submitter="zelda"):
        proposal = Proposal(
            name=name,
            model=MODEL,
            artifact=artifact or getattr(tiny_world, name),
            data=data or tiny_world.rows[name],
            submitter=submitter,
        )
        with run.evaluation(workspace) as resources:
            return run.check(workspace, proposal, policy, resources)

    return evaluate


@pytest.fixture
def certified(workspace, tiny_world, policy):
    """Certify, approve and promote the tiny champion; return its checked value."""
    proposal = Proposal(
        name="champion", model=MODEL, artifact=tiny_world.champion, data=None, submitter="zelda", base=tiny_world.base
    )
    with run.evaluation(workspace) as resources:
        checked = run.certify(workspace, proposal, policy, resources)
    for name in ("dana", "kim"):
        approve(workspace, checked.update_id, person=name, policy=policy)
    promote(workspace, checked.update_id, policy=policy)
    return checked


@pytest.fixture
def second(workspace, certified, propose, policy):
    """A second champion behind the first, which a rollback would go back to."""
    checked = propose("benign")
    approve(workspace, checked.update_id, person="dana", policy=policy)
    promote(workspace, checked.update_id, policy=policy)
    return checked


@pytest.fixture
def look(workspace, policy):
    """Make a round so many minutes from now, under the policy or one that puts aliases back."""

    def make(*, minutes=0, restoring=False, earlier=None):
        applied = dataclasses.replace(policy, drift="restore") if restoring else policy
        return reconcile_round(
            workspace, policy=applied, now=datetime.now(UTC) + timedelta(minutes=minutes), earlier=earlier
        )

    return make


@pytest.fixture
def blocked(certified, propose):
    """An update that forgot what the champion knows."""
    checked = propose("forgetful")
    assert checked.state is State.BLOCKED
    return checked


@pytest.fixture
def broken(workspace, blocked, policy):
    """The forgetful update, live for a day."""
    asked = ask(workspace, blocked, policy)
    agree(workspace, asked, policy)
    promote(workspace, blocked.update_id, policy=policy)
    return asked
