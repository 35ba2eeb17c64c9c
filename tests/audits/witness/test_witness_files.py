"""The witness's key and memory on the disk."""

import json
import stat

import pytest
from witnessed_log import ORIGIN, Log

from audits.ledger.checkpoint import parse_checkpoint
from audits.ledger.note import parse_note
from audits.witness.files import witness_key
from audits.witness.state import Seen, WitnessState, create_state
from gatekeeper.core.errors import StateError, UsageError


def seen(log, size):
    note = log.note(size)
    return Seen(checkpoint=parse_checkpoint(parse_note(note).text), note=note)


def test_key_and_state_are_made_once_and_for_the_owner_alone(tmp_path):
    key, state = tmp_path / "w" / "witness.pem", tmp_path / "w" / "witness.json"

    first, second = witness_key(key, state), witness_key(key, state)

    assert first.private_bytes_raw() == second.private_bytes_raw()
    assert [stat.S_IMODE(file.stat().st_mode) for file in (key, state)] == [0o600, 0o600]


def test_a_key_that_lost_its_state_is_refused(tmp_path):
    witness_key(tmp_path / "witness.pem", tmp_path / "witness.json")
    (tmp_path / "witness.json").unlink()

    with pytest.raises(UsageError, match="lost its memory"):
        witness_key(tmp_path / "witness.pem", tmp_path / "witness.json")


def test_a_key_that_others_can_read_is_refused(tmp_path):
    witness_key(tmp_path / "witness.pem", tmp_path / "witness.json")
    (tmp_path / "witness.pem").chmod(0o640)

    with pytest.raises(UsageError, match="by others"):
        witness_key(tmp_path / "witness.pem", tmp_path / "witness.json")


def test_two_processes_never_share_a_state(state, state_file):
    with pytest.raises(StateError, match="Another process"):
        WitnessState.open(state_file)


def test_a_closed_state_can_be_opened_again(state, state_file, log):
    state.remember(seen(log, 7))
    state.close()

    again = WitnessState.open(state_file)

    assert again.last(ORIGIN) == seen(log, 7)
    again.close()


def test_logs_are_remembered_side_by_side(state, log):
    other = Log(["a", "b"], origin="log.example/2")

    state.remember(seen(log, 7))
    state.remember(seen(other, 2))

    assert (state.last(ORIGIN).checkpoint.size, state.last("log.example/2").checkpoint.size) == (7, 2)
    assert state.last("log.example/3") is None


@pytest.mark.parametrize(
    "content",
    [
        pytest.param("", id="empty"),
        pytest.param("{}", id="no version"),
        pytest.param('{"v": 2, "logs": {}}', id="a later version"),
        pytest.param('{"v": 1, "logs": []}', id="logs that are none"),
        pytest.param('{"v": 1, "logs": {"a": 7}}', id="a note that is none"),
        pytest.param("[" * 100_000, id="deep"),
    ],
)
def test_a_damaged_state_is_never_taken_for_an_empty_one(state_file, content):
    state_file.write_text(content)

    with pytest.raises(UsageError, match="cannot be read"):
        WitnessState.open(state_file)


def test_a_note_under_another_log_s_name_is_refused(state_file, log):
    state_file.write_text(json.dumps({"v": 1, "logs": {"log.example/2": log.note(7)}}))

    with pytest.raises(UsageError, match="cannot be read"):
        WitnessState.open(state_file)


def test_an_existing_state_is_not_emptied(state, state_file, log):
    state.remember(seen(log, 7))

    create_state(state_file)

    assert ORIGIN in state_file.read_text()
