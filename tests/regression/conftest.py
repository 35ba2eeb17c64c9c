"""Fixtures of the engine's tests: models of the tiny world by name, and small copies of them that may be changed."""

import shutil

import pytest

from regression import ModelRef, load_suite


@pytest.fixture(scope="session")
def refs(tiny_world):
    """References by name; ``base`` has no adapter."""
    adapters = {name: getattr(tiny_world, name) for name in ("champion", "benign", "forgetful", "misaligned")}
    return {
        "base": ModelRef(base=tiny_world.base),
        **{name: ModelRef(base=tiny_world.base, adapter=folder) for name, folder in adapters.items()},
    }


@pytest.fixture(scope="session")
def suites(tiny_world):
    """The tiny suites by name."""
    return {name: load_suite(path) for name, path in tiny_world.suites.items()}


@pytest.fixture
def own_copy(tiny_world, tmp_path):
    """A champion and its base in folders of this test's own."""
    base = shutil.copytree(tiny_world.base, tmp_path / "base")
    adapter = shutil.copytree(tiny_world.champion, tmp_path / "champion")
    return ModelRef(base=base, adapter=adapter)
