"""The durable world on SQLite."""

import pytest
from durable_world import durable_world


@pytest.fixture
def world(tmp_path):
    with durable_world(tmp_path) as made:
        yield made
