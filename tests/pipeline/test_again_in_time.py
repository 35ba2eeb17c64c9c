"""What is checked once more, where something could have changed since it was checked first."""

import json

import pytest
from moved_clock import MovedClock
from people import PEOPLE, approve, person
from pipeline_views import events_of, state_of
from quick_world import MODEL, agreed, proposed, quick_policy, quick_workspace
from registry import FakeRegistry
from sqlalchemy import select

from gatekeeper.core.digests import digest_of
from gatekeeper.core.errors import StateError, VerificationError
from gatekeeper.core.states import State
from gatekeeper.pipeline.promote import promote
from gatekeeper.store.tables import ReportRow

BOT = "bot"


@pytest.fixture
def policy():
    return quick_policy()


@pytest.fixture
def registry(tmp_path):
    return FakeRegistry(root=tmp_path / "registry")


@pytest.fixture
def workspace(tmp_path, registry):
    people = {**PEOPLE, BOT: person(BOT, "service", "approver")}
    made = quick_workspace(tmp_path, registry, people=people)
    yield made
    made.store.close()


@pytest.fixture
def live(workspace, policy, tmp_path):
    """A first champion, version 1."""
    update = agreed(workspace, tmp_path, policy, first=True)
    promote(workspace, update, policy=policy)
    return update


@pytest.fixture
def ready(workspace, policy, tmp_path, live):
    """An update that people agreed to."""
    return agreed(workspace, tmp_path, policy)


def changed_report(workspace):
    """Make the newest report say something else, with a digest that fits."""
    with workspace.store.transaction() as session:
        row = session.scalars(select(ReportRow).order_by(ReportRow.run_id)).all()
        for each in row:
            each.report = {**json.loads(json.dumps(each.report)), "note": "nothing to see here"}
            each.digest = digest_of(each.report)


def test_a_program_decides_nothing_even_where_it_is_given_an_approvers_role(workspace, policy, tmp_path, live):
    update = proposed(workspace, tmp_path, policy).update_id

    with pytest.raises(StateError, match="is a program"):
        approve(workspace, update, person=BOT, policy=policy)

    assert state_of(workspace, update) is State.PENDING_APPROVAL


def test_evidence_that_was_changed_after_the_approval_promotes_nothing(workspace, registry, policy, ready):
    changed_report(workspace)

    with pytest.raises(VerificationError, match="not the evidence"):
        promote(workspace, ready, policy=policy)

    assert state_of(workspace, ready) is State.STALE
    assert registry.aliases[MODEL]["champion"] == "1"
    assert events_of(workspace, ready)[-1] == "update.stale"


def test_evidence_that_was_changed_is_agreed_to_by_nobody(workspace, policy, tmp_path, live):
    update = proposed(workspace, tmp_path, policy).update_id
    changed_report(workspace)

    with pytest.raises(VerificationError, match="not the evidence"):
        approve(workspace, update, person="dana", policy=policy)

    assert state_of(workspace, update) is State.STALE


def test_approvals_that_run_out_while_the_registry_is_asked_promote_nothing(workspace, registry, policy, ready):
    with MovedClock() as clock:

        def slow(step):
            if step == "read":
                registry.before = lambda step: None
                clock.advance(hours=80)

        registry.before = slow
        with pytest.raises(StateError, match="0 of 1 approvals"):
            promote(workspace, ready, policy=policy)

    assert registry.aliases[MODEL]["champion"] == "1"
    assert "promotion.intended" not in events_of(workspace, ready)
