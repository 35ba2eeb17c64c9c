"""A factory for rows and contexts, handed to tests as fixtures so that no test folder is an import package."""

import importlib.util
from pathlib import Path

import pytest

_SPEC = importlib.util.spec_from_file_location("row_factory", Path(__file__).with_name("row_factory.py"))
assert _SPEC is not None
assert _SPEC.loader is not None
_FACTORY = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_FACTORY)


@pytest.fixture
def make():
    return _FACTORY
