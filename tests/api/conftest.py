"""A service in this process, over a world whose updates are judged in milliseconds."""

import pytest
from quick_world import quick_policy, quick_workspace
from registry import FakeRegistry
from service_world import World


@pytest.fixture
def registry(tmp_path):
    return FakeRegistry(root=tmp_path / "registry")


@pytest.fixture
def policy():
    return quick_policy()


@pytest.fixture
def workspace(tmp_path, registry, policy):
    opened = quick_workspace(tmp_path, registry, policies=(policy,))
    yield opened
    opened.store.close()


@pytest.fixture
def world(workspace, tmp_path, policy):
    return World(workspace, tmp_path, policy)
