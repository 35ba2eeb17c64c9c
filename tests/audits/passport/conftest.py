"""A passport built by hand: a log in memory, two people, a witness, and everything that verifiers trust."""

import pytest
from passport_world import World


@pytest.fixture
def world():
    """Everything a passport takes, with each part replaceable."""
    return World()
