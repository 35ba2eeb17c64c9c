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


@pytest.fixture(scope="module")
def shared_world(tmp_path_factory):
    """A service that the examples of one property share."""
    root = tmp_path_factory.mktemp("shared")
    policy = quick_policy()
    opened = quick_workspace(root, FakeRegistry(root=root / "registry"), policies=(policy,))
    yield World(opened, root, policy)
    opened.store.close()
