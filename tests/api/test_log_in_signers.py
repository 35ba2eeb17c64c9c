"""What the pipeline takes as a signature over a log-in, whoever calls it."""

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
from log_in_world import logging_workspace, logging_world
from people import key_of
from pipeline_views import state_of
from provider import ISSUER, FakeProvider

from audits.passport.log_in import LogIn
from gatekeeper.core.errors import StateError, UsageError
from gatekeeper.core.states import State
from gatekeeper.pipeline import approve as stage
from gatekeeper.pipeline.log_in import subject_in
from gatekeeper.pipeline.signatures import OverLogIn
from gatekeeper.store import approvals


@pytest.fixture
def world(workspace, tmp_path, policy):
    return logging_world(workspace, tmp_path, policy, FakeProvider())


@pytest.fixture
def update(world):
    """An update that waits, of a model that is live."""
    world.live()
    return world.judged()


def over(workspace, name="dana", *, key="log-in", ago=0, **changed):
    """What the service would sign with for somebody who logged in."""
    with workspace.store.reading() as session:
        subject = subject_in(session, workspace.pseudonym_key, workspace.principals[name])
    moment = f"{datetime.now(UTC) - timedelta(minutes=ago):%Y-%m-%dT%H:%M:%SZ}"
    values = {"issuer": ISSUER, "subject": subject, "auth_time": moment, "amr": (), "acr": None}
    return OverLogIn(key=key_of(key), log_in=LogIn(**{**values, **changed}))


@pytest.mark.parametrize(
    ("signer", "error"),
    [
        pytest.param({"name": "kim"}, UsageError, id="somebody-elses-log-in"),
        pytest.param({"key": "dana"}, StateError, id="a-key-nobody-trusts"),
        pytest.param({"key": "passport"}, StateError, id="the-passport-key"),
        pytest.param({"issuer": "https://other.example"}, StateError, id="another-provider"),
        pytest.param({"ago": 16}, StateError, id="too-old"),
        pytest.param({"ago": -5}, StateError, id="in-the-future"),
        pytest.param({"auth_time": "now"}, StateError, id="no-time"),
    ],
)
def test_the_pipeline_itself_takes_no_other_log_in(world, policy, update, signer, error):
    key = over(world.workspace, **signer)

    with pytest.raises(error):
        stage.approve(world.workspace, update, person="dana", policy=policy, key=key)

    with world.workspace.store.reading() as session:
        assert list(approvals.of_update(session, update)) == []
    assert state_of(world.workspace, update) is State.PENDING_APPROVAL


@pytest.mark.parametrize("roles", [("admin",), ("auditor",)])
def test_the_pipeline_takes_no_log_in_for_a_role_that_needs_a_key(world, policy, update, roles):
    workspace = logging_workspace(world.workspace, roles=roles)

    with pytest.raises(StateError, match="own key"):
        stage.approve(workspace, update, person="dana", policy=policy, key=over(workspace))


def test_a_person_whose_roles_changed_since_the_pin_does_not_decide(world, policy, update):
    dana = dataclasses.replace(world.workspace.principals["dana"], roles=("approver", "admin"))
    workspace = dataclasses.replace(world.workspace, principals={**world.workspace.principals, "dana": dana})

    with pytest.raises(StateError, match="trust pin"):
        stage.approve(workspace, update, person="dana", policy=policy, key=over(workspace))
