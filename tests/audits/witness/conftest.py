"""A log to be witnessed, and a witness that judges it without a network."""

import pytest
from witnessed_log import LOG_VKEY, NAME, WITNESS_KEY, Log

from audits.witness.judge import Witness
from audits.witness.state import WitnessState, create_state


@pytest.fixture
def log():
    return Log([f"leaf {n}" for n in range(40)])


@pytest.fixture
def rewritten():
    """The same log key over another past: the fifth leaf differs."""
    return Log([f"leaf {n}" if n != 4 else "forged" for n in range(40)])


@pytest.fixture
def state_file(tmp_path):
    create_state(tmp_path / "witness.json")
    return tmp_path / "witness.json"


@pytest.fixture
def state(state_file):
    opened = WitnessState.open(state_file)
    yield opened
    opened.close()


@pytest.fixture
def witness(state):
    return Witness(name=NAME, key=WITNESS_KEY, logs=[LOG_VKEY], state=state, clock=lambda: 1_700_000_000.5)
